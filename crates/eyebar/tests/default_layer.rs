//! The layer that explanations use of a file that says nothing about itself: what the field uses.

use eyebar::Model;

/// The fixtures are torchvision's networks, small and with random weights; the names are those in the files.
#[test]
fn it_is_what_the_global_pooling_reads() {
    let cases: [(&str, &[usize], &str); 9] = [
        // After the addition of the last residual block and its ReLU, not a convolution before them.
        ("resnet_basic", &[], "/layer4/layer4.0/relu_1/Relu_output_0"),
        ("mobilenet_v3", &[], "/features/features.7/features.7.2/HardSwish_output_0"),
        ("densenet", &[], "relu_24"),
        ("efficientnet", &[], "silu_21"),
        ("shufflenet_v2", &[64, 64], "/conv5/conv5.2/Relu_output_0"),
        // The layer normalisation behind the pooling works on [N, 1, 1, C]: no map.
        ("convnext", &[], "add_4"),
        ("squeezenet_nhwc", &[], "/network/classifier/classifier.2/Relu_output_0"),
        ("vgg16", &[], "/features/features.30/MaxPool_output_0"),
        ("mobilenet_v2", &[], "/features/features.10/features.10.2/Clip_output_0"),
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/reference/networks");
    for (name, size, expected) in cases {
        let model = Model::open(&folder.join(format!("{name}.onnx")).display().to_string(), None).unwrap();
        let (width, height) = match size {
            &[width, height] => (width, height),
            _ => model.declared_size().unwrap_or_else(|| panic!("{name}")),
        };
        let layer = model.default_layer(&model.spec_or_layout().shape(1, width, height)).unwrap();
        assert_eq!(model.layer_name(layer), expected, "{name}");
    }
}
