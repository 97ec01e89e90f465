//! The files of the page, in the binary.

/// A file.
pub(crate) struct File {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) bytes: &'static [u8],
}

/// A photograph to try the page with.
pub(crate) struct Example {
    pub(crate) file: File,
    pub(crate) title: &'static str,
    pub(crate) credit: &'static str,
}

macro_rules! asset {
    ($name:literal, $kind:literal) => {
        File { name: $name, kind: $kind, bytes: include_bytes!(concat!("../assets/", $name)) }
    };
}

/// The page's colours are those of the figures.
macro_rules! colours {
    ($name:literal) => {
        File {
            name: $name,
            kind: "application/octet-stream",
            bytes: include_bytes!(concat!("../../imaging/assets/", $name)),
        }
    };
}

pub(crate) const ASSETS: &[File] = &[
    asset!("index.html", "text/html; charset=utf-8"),
    asset!("docs.html", "text/html; charset=utf-8"),
    asset!("style.css", "text/css; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
    asset!("api.js", "text/javascript; charset=utf-8"),
    asset!("app.js", "text/javascript; charset=utf-8"),
    asset!("docs.js", "text/javascript; charset=utf-8"),
    asset!("dom.js", "text/javascript; charset=utf-8"),
    asset!("explain.js", "text/javascript; charset=utf-8"),
    asset!("filters.js", "text/javascript; charset=utf-8"),
    asset!("gallery.js", "text/javascript; charset=utf-8"),
    asset!("heatmap.js", "text/javascript; charset=utf-8"),
    asset!("masking.js", "text/javascript; charset=utf-8"),
    asset!("photo.js", "text/javascript; charset=utf-8"),
    asset!("stage.js", "text/javascript; charset=utf-8"),
    colours!("turbo.rgb"),
    colours!("viridis.rgb"),
];

macro_rules! photo {
    ($name:literal, $kind:literal) => {
        File { name: $name, kind: $kind, bytes: include_bytes!(concat!("../../../fixtures/photos/", $name)) }
    };
}

/// `fixtures/photos/README.md` says where they come from.
pub(crate) const EXAMPLES: &[Example] = &[
    Example { file: photo!("astronaut.png", "image/png"), title: "Eileen Collins", credit: "NASA, public domain" },
    Example {
        file: photo!("ardern-2018.jpg", "image/jpeg"),
        title: "Jacinda Ardern, 2018",
        credit: "Newzild, CC BY-SA 4.0",
    },
    Example {
        file: photo!("ardern-2022.jpg", "image/jpeg"),
        title: "Jacinda Ardern, 2022",
        credit: "Office of the Vice President of the United States, public domain",
    },
];
