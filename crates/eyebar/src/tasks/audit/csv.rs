//! Numbers as CSV: a line for each row, nested names joined by dots.

use serde::Serialize;
use serde_json::Value;

use crate::error::Error;

/// Rows of one kind as CSV; columns in the order in which they first come. What is missing is empty.
///
/// # Errors
/// Never, as plain numbers and names are written.
pub(super) fn table(rows: &[impl Serialize]) -> Result<String, Error> {
    let mut columns: Vec<String> = Vec::new();
    let mut lines: Vec<Vec<(String, String)>> = Vec::with_capacity(rows.len());
    for row in rows {
        let value = serde_json::to_value(row).map_err(Error::serialise("a row"))?;
        let mut cells = Vec::new();
        flatten("", &value, &mut cells);
        for (name, _) in &cells {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        lines.push(cells);
    }
    let failed =
        |error: csv::Error| Error::Usage(format!("CSV cannot be written: {error}; hint: report this as a bug"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&columns).map_err(failed)?;
    for cells in lines {
        let cell = |name: &String| cells.iter().find(|(other, _)| other == name).map_or("", |(_, text)| text.as_str());
        writer.write_record(columns.iter().map(cell)).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.into_error().into()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn flatten(name: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| flatten(&inner(key), value, cells)),
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(index, value)| flatten(&inner(&(index + 1).to_string()), value, cells));
        }
        Value::Null => {}
        Value::String(text) => cells.push((name.to_owned(), text.clone())),
        other => cells.push((name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::table;

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        inner: Option<Inner>,
        list: Vec<f64>,
    }

    #[derive(Serialize)]
    struct Inner {
        value: f64,
    }

    #[test]
    fn rows_are_flat() {
        let rows = [
            Row { name: "a, b", inner: None, list: vec![0.5] },
            Row { name: "c", inner: Some(Inner { value: 0.1 }), list: vec![1.0, 2.0] },
        ];
        let text = table(&rows).unwrap();
        assert_eq!(text, "list.1,name,inner.value,list.2\n0.5,\"a, b\",,\n1.0,c,0.1,2.0\n");
    }
}
