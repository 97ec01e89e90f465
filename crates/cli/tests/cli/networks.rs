//! Through the command line, the numbers are PyTorch's (`fixtures/reference/README.md`).

use eyebar_tensor::Tensor;
use eyebar_testkit::{Tolerance, compare};

use crate::harness::{Folder, Network, fixture, tensor};

pub(crate) const NETWORKS: [&str; 12] = [
    "vgg16",
    "resnet_basic",
    "resnet_bottleneck",
    "mobilenet_v2",
    "mobilenet_v3",
    "squeezenet_nhwc",
    "shufflenet_v2",
    "densenet",
    "efficientnet",
    "efficientnet_dynamic",
    "convnext",
    "convnext_decomposed",
];

fn assert_close(what: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    if let Err(mismatch) = compare(found.data(), expected.data(), Tolerance::Close) {
        panic!("{what}: {mismatch}");
    }
}

#[test]
fn every_network_is_listed() {
    let listing = std::fs::read_dir(fixture("reference/networks")).expect("the folder of networks");
    let names = listing.filter_map(|entry| entry.expect("an entry").file_name().into_string().ok());
    let count = names.filter(|name| name.ends_with(".onnx")).count();
    assert_eq!(count, NETWORKS.len());
}

#[test]
fn predict_agrees_with_the_reference() {
    for name in NETWORKS {
        let (folder, network) = (Folder::new(), Network::open(name));
        network.write_input(&folder, "x.npy");
        let run =
            folder.eyebar(&["predict", "x.npy", "--model", &network.model, "--raw", "y.npy", "--json"]).succeeds();
        let logits = tensor(network.array("logits"));
        assert_close(name, &folder.read_array("y.npy"), &logits);

        let json = run.json();
        let order = |a: &usize, b: &usize| logits.data()[*b].total_cmp(&logits.data()[*a]);
        let mut classes: Vec<usize> = (0..logits.len()).collect();
        classes.sort_by(order);
        let found: Vec<_> = json["classes"].as_array().expect("classes").iter().map(|c| c["class"].as_u64()).collect();
        let expected: Vec<_> = classes[..5].iter().map(|&class| Some(class as u64)).collect();
        assert_eq!(found, expected, "{name}: {json}");
        assert_eq!(json["shape"], serde_json::json!([1, 10]), "{name}");
        assert_eq!(json["files"], serde_json::json!(["y.npy"]), "{name}");
    }
}

#[test]
fn grad_cam_agrees_with_the_reference() {
    for name in NETWORKS {
        let (folder, network) = (Folder::new(), Network::open(name));
        network.write_input(&folder, "x.npy");
        let (layer, target) = (network.layer(), format!("class:{}", network.class));
        let cam = ["cam", "x.npy", "--model", &network.model, "--layer", &layer, "--target", &target];
        folder.eyebar(&[&cam[..], &["--raw", "map.npy"]].concat()).succeeds();
        assert_close(name, &folder.read_array("map.npy"), &tensor(network.array("cam")));
        assert_eq!(folder.files(), ["map.npy", "x.npy"], "--raw alone writes nothing else");
    }
}

#[test]
fn a_layer_has_the_names_of_its_tensor_and_its_node() {
    let (folder, network) = (Folder::new(), Network::open("vgg16"));
    network.write_input(&folder, "x.npy");
    let predict = |layer: &str, raw: &str| {
        folder.eyebar(&["predict", "x.npy", "--model", &network.model, "--layer", layer, "--raw", raw]).succeeds();
    };
    let tensor = network.layer();
    predict(&tensor, "tensor.npy");
    predict(tensor.trim_end_matches("_output_0"), "node.npy");
    assert_eq!(folder.bytes("tensor.npy"), folder.bytes("node.npy"));
    assert_eq!(folder.read_array("tensor.npy").shape(), [1, folder.read_array("node.npy").shape()[1], 6, 4]);
}

/// Each pixel of the map is the mean drop of the score over the patches that cover it; here the drops are measured by
/// `predict` on pictures with the patch painted in.
#[test]
fn occlusion_is_the_mean_drop_of_the_patches() {
    let (folder, network) = (Folder::new(), Network::open("mobilenet_v2"));
    network.write_input(&folder, "x.npy");
    let target = format!("class:{}", network.class);
    let occlude = ["occlude", "x.npy", "--model", &network.model, "--target", &target, "--raw", "map.npy"];
    let (patch, stride, fill) = (40, 24, 0.5);
    let options = ["--patch", "40", "--stride", "24", "--fill", "0.5"];
    folder.eyebar(&[&occlude[..], &options].concat()).succeeds();
    let map = folder.read_array("map.npy");

    let input = tensor(network.array("input"));
    let (height, width) = (input.shape()[2], input.shape()[3]);
    assert_eq!(map.shape(), [height, width]);
    // As many positions as the stride needs, the last one pushed back to the edge.
    let starts = |side: usize| {
        let mut starts: Vec<usize> = (0..).map(|index| index * stride).take_while(|s| s + patch < side).collect();
        starts.push(side - patch);
        starts
    };
    let score = |array: &Tensor| {
        folder.write_array("probe.npy", array);
        folder.eyebar(&["predict", "probe.npy", "--model", &network.model, "--raw", "score.npy"]).succeeds();
        folder.read_array("score.npy").data()[network.class.parse::<usize>().expect("a number")]
    };
    let base = score(&input);
    let (mut sum, mut count) = (vec![0.0f32; height * width], vec![0.0f32; height * width]);
    for top in starts(height) {
        for left in starts(width) {
            let covered = |index: usize| {
                let (row, column) = (index / width % height, index % width);
                (top..top + patch).contains(&row) && (left..left + patch).contains(&column)
            };
            let painted = Tensor::from_fn(input.shape(), |i| if covered(i) { fill } else { input.data()[i] });
            let drop = base - score(&painted);
            for index in (0..height * width).filter(|&index| covered(index)) {
                sum[index] += drop;
                count[index] += 1.0;
            }
        }
    }
    assert!(count.iter().all(|&count| count > 0.0));
    let mean: Vec<f32> = sum.iter().zip(&count).map(|(sum, count)| sum / count).collect();
    assert_close("occlusion", &map, &Tensor::new(&[height, width], mean).expect("as many"));
}

#[test]
fn inspect_reads_every_network() {
    let folder = Folder::new();
    for name in NETWORKS {
        let run = folder.eyebar(&["inspect", "--model", &Network::open(name).model, "--json"]).succeeds();
        let json = run.json();
        assert!(json["parameters"].as_u64() > Some(1000) && json["multiply_adds"].as_u64() > Some(1000), "{json}");
        assert!(json["layers"].as_array().is_some_and(|layers| layers.len() > 5), "{json}");
    }
    assert!(folder.files().is_empty());
}
