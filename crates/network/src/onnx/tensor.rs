//! `TensorProto` to and from [`Value`].

use bytes::Bytes;
use eyebar_tensor::{Tensor, element_count};
use half::{bf16, f16};
use prost::Message;

use super::external::ExternalData;
use super::proto::{TensorProto, data_type};
use crate::error::NetworkError;
use crate::value::{DataType, Value};

/// Elements after whose conversion the bytes that they stood in are given back.
const GIVEN_BACK: usize = 1 << 22;

fn malformed(message: String) -> NetworkError {
    NetworkError::Malformed(message)
}

/// Reads a serialised `TensorProto` (the `.pb` files of ONNX's own tests).
///
/// # Errors
/// When the bytes are not a tensor of a supported type.
pub fn read_tensor(bytes: Bytes) -> Result<Value, NetworkError> {
    let proto = TensorProto::decode(bytes).map_err(|error| NetworkError::NotOnnx(error.to_string()))?;
    value_from_proto(proto, &mut ExternalData::none())
}

/// Element type in memory for a `TensorProto.DataType`.
pub(crate) fn data_type_from_proto(code: i32) -> Result<DataType, NetworkError> {
    use data_type::{BFLOAT16, BOOL, DOUBLE, FLOAT, FLOAT16, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64};
    Ok(match code {
        FLOAT | FLOAT16 | DOUBLE | BFLOAT16 => DataType::F32,
        INT16 | UINT16 | UINT32 | INT64 | UINT64 => DataType::I64,
        INT32 => DataType::I32,
        INT8 => DataType::I8,
        UINT8 => DataType::U8,
        BOOL => DataType::Bool,
        other => return Err(malformed(format!("element type {other} is not supported"))),
    })
}

/// `TensorProto.DataType` for an element type in memory.
pub(crate) fn data_type_to_proto(dtype: DataType) -> i32 {
    match dtype {
        DataType::F32 => data_type::FLOAT,
        DataType::I64 => data_type::INT64,
        DataType::I32 => data_type::INT32,
        DataType::I8 => data_type::INT8,
        DataType::U8 => data_type::UINT8,
        DataType::Bool => data_type::BOOL,
    }
}

/// Bytes of one element in a file.
fn element_size(code: i32) -> Option<usize> {
    use data_type::{BFLOAT16, BOOL, DOUBLE, FLOAT, FLOAT16, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64};
    Some(match code {
        INT8 | UINT8 | BOOL => 1,
        FLOAT16 | BFLOAT16 | INT16 | UINT16 => 2,
        FLOAT | INT32 | UINT32 => 4,
        DOUBLE | INT64 | UINT64 => 8,
        _ => return None,
    })
}

/// Reads a tensor, whose data may be `external`.
pub(crate) fn value_from_proto(mut proto: TensorProto, external: &mut ExternalData<'_>) -> Result<Value, NetworkError> {
    let name = proto.name.take().unwrap_or_default();
    let refuse = |reason: String| malformed(format!("tensor {name:?}: {reason}"));
    let shape = proto
        .dims
        .iter()
        .map(|&dim| usize::try_from(dim).map_err(|_| refuse(format!("dimension {dim} is negative"))))
        .collect::<Result<Vec<_>, _>>()?;
    let count = element_count(&shape).map_err(|error| refuse(error.to_string()))?;
    let raw = match proto.data_location {
        Some(1) => {
            let code = proto.data_type.unwrap_or(0);
            let size = element_size(code).ok_or_else(|| refuse(format!("element type {code} is not supported")))?;
            Some(external.read(&proto, count.saturating_mul(size)).map_err(|reason| {
                refuse(format!("{reason}; hint: put the data files beside the model, as they were exported"))
            })?)
        }
        _ => proto.raw_data.take(),
    };
    read_elements(proto, raw, &shape, count).map_err(refuse)
}

fn read_elements(proto: TensorProto, raw: Option<Bytes>, shape: &[usize], count: usize) -> Result<Value, String> {
    use data_type as t;
    let floats = |data: Vec<f32>| tensor(shape, data).map(Value::F32);
    let longs = |data: Vec<i64>| tensor(shape, data).map(Value::I64);
    let code = proto.data_type.unwrap_or(0);
    if let Some(raw) = raw.filter(|raw| !raw.is_empty() || count == 0) {
        return match code {
            t::FLOAT => floats(floats_from(raw, count)?),
            t::DOUBLE => floats(elements(&raw, count, |b| f64::from_le_bytes(b) as f32)?),
            t::FLOAT16 => floats(elements(&raw, count, |b| f16::from_le_bytes(b).to_f32())?),
            t::BFLOAT16 => floats(elements(&raw, count, |b| bf16::from_le_bytes(b).to_f32())?),
            t::INT64 => longs(elements(&raw, count, i64::from_le_bytes)?),
            t::UINT64 => longs(elements(&raw, count, |b| u64::from_le_bytes(b) as i64)?),
            t::UINT32 => longs(elements(&raw, count, |b| u32::from_le_bytes(b).into())?),
            t::INT16 => longs(elements(&raw, count, |b| i16::from_le_bytes(b).into())?),
            t::UINT16 => longs(elements(&raw, count, |b| u16::from_le_bytes(b).into())?),
            t::INT32 => tensor(shape, elements(&raw, count, i32::from_le_bytes)?).map(Value::I32),
            t::INT8 => tensor(shape, elements(&raw, count, i8::from_le_bytes)?).map(Value::I8),
            t::UINT8 => tensor(shape, elements(&raw, count, u8::from_le_bytes)?).map(Value::U8),
            t::BOOL => tensor(shape, elements(&raw, count, |[b]: [u8; 1]| b != 0)?).map(Value::Bool),
            other => Err(format!("element type {other} is not supported")),
        };
    }
    let ints = proto.int32_data;
    match code {
        t::FLOAT => floats(proto.float_data),
        t::DOUBLE => floats(proto.double_data.iter().map(|&v| v as f32).collect()),
        t::FLOAT16 => floats(ints.iter().map(|&v| f16::from_bits(v as u16).to_f32()).collect()),
        t::BFLOAT16 => floats(ints.iter().map(|&v| bf16::from_bits(v as u16).to_f32()).collect()),
        t::INT64 => longs(proto.int64_data),
        t::UINT32 | t::UINT64 => longs(proto.uint64_data.iter().map(|&v| v as i64).collect()),
        t::INT16 | t::UINT16 => longs(ints.iter().map(|&v| v.into()).collect()),
        t::INT32 => tensor(shape, ints).map(Value::I32),
        t::INT8 => tensor(shape, ints.iter().map(|&v| v as i8).collect()).map(Value::I8),
        t::UINT8 => tensor(shape, ints.iter().map(|&v| v as u8).collect()).map(Value::U8),
        t::BOOL => tensor(shape, ints.iter().map(|&v| v != 0).collect()).map(Value::Bool),
        other => Err(format!("element type {other} is not supported")),
    }
}

fn tensor<T>(shape: &[usize], data: Vec<T>) -> Result<Tensor<T>, String> {
    Tensor::new(shape, data).map_err(|error| error.to_string())
}

/// `count` little-endian elements of `N` bytes each.
fn elements<T, const N: usize>(raw: &[u8], count: usize, read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
    check_length(raw, count, N)?;
    Ok(raw.as_chunks::<N>().0.iter().map(|&chunk| read(chunk)).collect())
}

/// As `elements` of `f32`, but large data that nobody else holds is given back to the system as it is converted, from its
/// end: the weights of a large layer are the most that a model needs at once.
fn floats_from(raw: Bytes, count: usize) -> Result<Vec<f32>, String> {
    check_length(&raw, count, 4)?;
    if count <= GIVEN_BACK || !raw.is_unique() {
        return elements(&raw, count, f32::from_le_bytes);
    }
    let (mut raw, mut floats) = (Vec::from(raw), vec![0.0; count]);
    for floats in floats.rchunks_mut(GIVEN_BACK) {
        let kept = raw.len() - 4 * floats.len();
        for (float, &bytes) in floats.iter_mut().zip(raw[kept..].as_chunks().0) {
            *float = f32::from_le_bytes(bytes);
        }
        raw.truncate(kept);
        raw.shrink_to_fit();
    }
    Ok(floats)
}

fn check_length(raw: &[u8], count: usize, size: usize) -> Result<(), String> {
    match count.checked_mul(size) {
        Some(length) if length == raw.len() => Ok(()),
        _ => Err(format!("{count} elements of {size} bytes expected, {} bytes found", raw.len())),
    }
}

/// Writes a tensor as little-endian raw data.
pub(crate) fn value_to_proto(name: &str, value: &Value) -> TensorProto {
    let raw: Vec<u8> = match value {
        Value::F32(t) => t.data().iter().flat_map(|v| v.to_le_bytes()).collect(),
        Value::I64(t) => t.data().iter().flat_map(|v| v.to_le_bytes()).collect(),
        Value::I32(t) => t.data().iter().flat_map(|v| v.to_le_bytes()).collect(),
        Value::I8(t) => t.data().iter().flat_map(|v| v.to_le_bytes()).collect(),
        Value::U8(t) => t.data().to_vec(),
        Value::Bool(t) => t.data().iter().map(|&v| u8::from(v)).collect(),
    };
    TensorProto {
        dims: value.shape().iter().map(|&dim| dim as i64).collect(),
        data_type: Some(data_type_to_proto(value.dtype())),
        name: Some(name.to_owned()),
        raw_data: Some(raw.into()),
        ..TensorProto::default()
    }
}

/// Writes a tensor as f16.
pub(crate) fn half_to_proto(name: &str, tensor: &Tensor) -> TensorProto {
    let raw: Vec<u8> = tensor.data().iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect();
    TensorProto {
        dims: tensor.shape().iter().map(|&dim| dim as i64).collect(),
        data_type: Some(data_type::FLOAT16),
        name: Some(name.to_owned()),
        raw_data: Some(raw.into()),
        ..TensorProto::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{GIVEN_BACK, elements, floats_from};

    #[test]
    fn large_data_is_converted_like_small() {
        let count = 2 * GIVEN_BACK + 3;
        let raw: Vec<u8> = (0..count).flat_map(|index| (index as f32).to_le_bytes()).collect();
        let expected = elements(&raw, count, f32::from_le_bytes).unwrap();
        assert!(floats_from(raw.clone().into(), count).unwrap() == expected);
        let shared = bytes::Bytes::from(raw);
        let other = shared.clone();
        assert!(floats_from(shared, count).unwrap() == expected);
        assert!(floats_from(other, count - 1).is_err());
    }
}
