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

/// The test portrait: Eileen Collins, NASA, public domain.
pub(crate) const PORTRAIT: &[u8] = include_bytes!("../../../fixtures/photos/astronaut.png");
