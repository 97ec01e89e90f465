//! The bytes of the bundled models, embedded in the binary so that the first command works without a network.

/// Bytes of the file a manifest entry names, or `None` for a file that is not embedded.
pub(crate) fn bytes(file: &str) -> Option<&'static [u8]> {
    Some(match file {
        "yunet.onnx" => include_bytes!("../../../models/yunet.onnx"),
        "sface.onnx" => include_bytes!("../../../models/sface.onnx"),
        "vgg16.onnx" => include_bytes!("../../../models/vgg16.onnx"),
        "efficientnet-lite0.onnx" => include_bytes!("../../../models/efficientnet-lite0.onnx"),
        _ => return None,
    })
}

/// Text of an embedded label file.
pub(crate) fn labels(file: &str) -> Option<&'static str> {
    (file == "labels/imagenet.txt").then_some(include_str!("../../../models/labels/imagenet.txt"))
}

/// Photographs under a licence that allows it; `fixtures/photos/README.md` names sources and authors.
pub(crate) fn photo(file: &str) -> Option<&'static [u8]> {
    Some(match file {
        "astronaut.png" => include_bytes!("../../../fixtures/photos/astronaut.png"),
        "ardern-2018.jpg" => include_bytes!("../../../fixtures/photos/ardern-2018.jpg"),
        "ardern-2022.jpg" => include_bytes!("../../../fixtures/photos/ardern-2022.jpg"),
        _ => return None,
    })
}
