//! `eyebar models`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use eyebar::hub::{self, Address};
use eyebar::manifest::{self, entries};
use eyebar::store::{About, Added, Store};
use eyebar::{Error, Model, tasks};
use eyebar_imaging::InputSpec;
use eyebar_report::Table;
use serde::Serialize;

use crate::options::Global;
use crate::output::{show, warn};
use crate::progress::Bar;

/// The models: bundled ones, and those that you add from files or a hub
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eyebar models
  eyebar models info vgg16
  eyebar models add resnet resnet50.onnx --input 'rgb 224x224 mean=123.7,116.3,103.5 scale=0.0171,0.0175,0.0174'
  eyebar models pull OWNER/NAME onnx/model.onnx --name theirs
  eyebar models verify
  eyebar models remove resnet

Models are added to eyebar/models among the user's data, or to $EYEBAR_MODELS. A hub is that of $HF_ENDPOINT; what is
pulled is cached in $HF_HOME; with HF_HUB_OFFLINE=1 nothing is asked of the network.")]
pub(crate) struct Models {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All models, with their licences
    List,
    /// What is known of a model
    Info {
        /// A model, or an ONNX file
        #[arg(value_name = "NAME|FILE.onnx")]
        name: String,
    },
    /// Add a model from a hub; runs on where it was stopped
    Pull {
        /// OWNER/NAME, or OWNER/NAME@REVISION
        repository: String,
        /// The file in it [default: its only ONNX file]
        file: Option<String>,
        /// What to call it [default: that of the repository]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        about: AboutArgs,
    },
    /// Add a model from a file, which is copied
    Add {
        /// What to call it
        name: String,
        /// The ONNX file; weights that lie beside it come along
        #[arg(value_name = "FILE.onnx")]
        file: PathBuf,
        #[command(flatten)]
        about: AboutArgs,
    },
    /// Compare models with the hashes that they had when they were added
    Verify {
        /// Which [default: all, the bundled too]
        names: Vec<String>,
    },
    /// Remove a model that was added
    Remove {
        /// Which
        name: String,
    },
}

#[derive(Debug, Args)]
struct AboutArgs {
    /// How photographs are fed: 'rgb 224x224 mean=123.7,116.3,103.5 scale=0.0171,0.0175,0.0174'
    #[arg(long, value_name = "SPEC")]
    input: Option<InputSpec>,
    /// One line about it
    #[arg(long)]
    title: Option<String>,
    /// Its licence (SPDX)
    #[arg(long)]
    licence: Option<String>,
}

impl AboutArgs {
    fn about(&self, source: Option<String>) -> About {
        About { title: self.title.clone(), licence: self.licence.clone(), input: self.input.clone(), source }
    }
}

#[derive(Serialize)]
struct Listed {
    models: &'static [manifest::Entry],
    added: Vec<Added>,
}

#[derive(Serialize)]
struct Verified {
    verified: Vec<String>,
    faults: Vec<String>,
}

impl Models {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        match self.action.as_ref().unwrap_or(&Action::List) {
            Action::List => list(global),
            Action::Info { name } => info(global, name),
            Action::Pull { repository, file, name, about } => {
                let address = Address::parse(repository, file.as_deref())?;
                let bar = Bar::new(&address.repository);
                let pulled = hub::pull(&address, &mut |done, total| {
                    let _ = bar.update(done as usize, total as usize);
                })?;
                drop(bar);
                let own = address.repository.rsplit('/').next().unwrap_or_default();
                let source = format!("{}@{}/{}", address.repository, address.revision, pulled.file);
                if !pulled.file.ends_with(".onnx") {
                    let text = format!("pulled {}: it is no ONNX file, so no model was added", pulled.path.display());
                    warn(&text);
                    return show(global, &pulled.path, &[], &[]);
                }
                let name = name.as_deref().unwrap_or(own);
                added(global, &Store::user()?.add(name, &pulled.path, &about.about(Some(source)))?)
            }
            Action::Add { name, file, about } => added(global, &Store::user()?.add(name, file, &about.about(None))?),
            Action::Verify { names } => verify(global, names),
            Action::Remove { name } => {
                Store::user()?.remove(name)?;
                show(global, &serde_json::json!({"removed": name}), &[Table::new(format!("Removed: {name}"))], &[])
            }
        }
    }
}

fn list(global: &Global) -> Result<(), Error> {
    let table = Table::new("Models").text("Name").text("What").number("Size", "MB").text("Licence");
    let size = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    let table = entries().iter().fold(table, |table, entry| {
        table.row([entry.name.clone(), entry.title.clone(), size(entry.bytes), entry.licence.clone()])
    });
    let credits: Vec<_> = entries().iter().map(|entry| entry.attribution.clone()).collect();
    let mut tables = vec![table.note(credits.join("; "))];
    let added = Store::user()?.list()?;
    if !added.is_empty() {
        let table = Table::new("Added").text("Name").text("What").number("Size", "MB").text("Licence");
        tables.push(added.iter().fold(table, |table, model| {
            let title = model.title.as_ref().unwrap_or(&model.source).clone();
            let licence = model.licence.clone().unwrap_or_else(|| "not stated".to_owned());
            table.row([model.name.clone(), title, size(model.bytes), licence])
        }));
    }
    show(global, &Listed { models: entries(), added }, &tables, &[])
}

fn added(global: &Global, model: &Added) -> Result<(), Error> {
    let table = Table::new(format!("Added: {}", model.name)).text("").text("");
    let fed = model.input.clone().unwrap_or_else(|| "not stated: give --input with every command".to_owned());
    let table = table.row(["From".to_owned(), model.source.clone()]).row(["SHA-256".to_owned(), model.sha256.clone()]);
    show(global, model, &[table.row(["Photographs".to_owned(), fed])], &[])
}

#[derive(Serialize)]
struct Known<'a> {
    bundled: Option<&'static manifest::Entry>,
    added: Option<&'a Added>,
    sha256: &'a str,
    inspection: tasks::inspect::Inspection,
}

fn info(global: &Global, name: &str) -> Result<(), Error> {
    let added = Store::user()?.get(name)?;
    let model = Model::open(name, None)?;
    let inspection = tasks::inspect::inspect(&model, None)?;
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(entry) = model.entry() {
        rows.push(("What", entry.title.clone()));
        rows.push(("Licence", entry.licence.clone()));
        rows.push(("By", entry.attribution.clone()));
        rows.push(("Layer explained by default", entry.default_layer.clone()));
    }
    if let Some(added) = &added {
        rows.extend(added.title.iter().map(|title| ("What", title.clone())));
        rows.push(("Licence", added.licence.clone().unwrap_or_else(|| "not stated".to_owned())));
        rows.push(("From", added.source.clone()));
        rows.extend(added.input.iter().map(|input| ("Photographs", input.clone())));
    }
    rows.push(("SHA-256", model.sha256().to_owned()));
    let table = Table::new(format!("Model {name}")).text("").text("");
    let table = rows.into_iter().fold(table, |table, (what, text)| table.row([what.to_owned(), text]));
    let tables: Vec<Table> = std::iter::once(table).chain(inspection.tables()).collect();
    let known = Known { bundled: model.entry(), added: added.as_ref(), sha256: model.sha256(), inspection };
    show(global, &known, &tables, &[])
}

fn verify(global: &Global, names: &[String]) -> Result<(), Error> {
    let store = Store::user()?;
    let all = store.list()?;
    let is_asked = |name: &str| names.is_empty() || names.iter().any(|asked| asked == name);
    let known =
        |name: &&String| all.iter().any(|added| added.name == **name) || entries().iter().any(|e| e.name == **name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(Error::Usage(format!("there is no model {unknown:?}; hint: `eyebar models list` names all")));
    }
    let mut results: Vec<(String, Result<(), Error>)> = Vec::new();
    for entry in entries().iter().filter(|entry| is_asked(&entry.name)) {
        results.push((entry.name.clone(), manifest::verify(entry)));
    }
    for added in all.iter().filter(|added| is_asked(&added.name)) {
        results.push((added.name.clone(), store.verify(added)));
    }
    let table = results.iter().fold(Table::new("Verified").text("Name").text(""), |table, (name, result)| {
        table.row([name.clone(), result.as_ref().map_or_else(ToString::to_string, |()| "as it was added".to_owned())])
    });
    let faults: Vec<String> =
        results.iter().filter_map(|(_, result)| result.as_ref().err().map(ToString::to_string)).collect();
    let verified = results.into_iter().filter(|(_, result)| result.is_ok()).map(|(name, _)| name).collect();
    let first = faults.first().cloned();
    show(global, &Verified { verified, faults }, &[table], &[])?;
    first.map_or(Ok(()), |fault| Err(Error::Refused(fault)))
}
