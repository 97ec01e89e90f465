//! Columns of a Parquet file: written and read one after the other.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::RowGroupReader;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::{Type, TypePtr};

/// A required text.
pub(super) fn text(name: &str) -> Result<TypePtr> {
    let kind = Type::primitive_type_builder(name, Physical::BYTE_ARRAY).with_repetition(Repetition::REQUIRED);
    Ok(Arc::new(kind.with_logical_type(Some(LogicalType::String)).build()?))
}

/// A text that may be missing.
pub(super) fn optional_text(name: &str) -> Result<TypePtr> {
    let kind = Type::primitive_type_builder(name, Physical::BYTE_ARRAY).with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(kind.with_logical_type(Some(LogicalType::String)).build()?))
}

/// A required yes or no.
pub(super) fn flag(name: &str) -> Result<TypePtr> {
    Ok(Arc::new(Type::primitive_type_builder(name, Physical::BOOLEAN).with_repetition(Repetition::REQUIRED).build()?))
}

/// A required whole number.
pub(super) fn whole(name: &str) -> Result<TypePtr> {
    Ok(Arc::new(Type::primitive_type_builder(name, Physical::INT32).with_repetition(Repetition::REQUIRED).build()?))
}

/// A number that may be missing.
pub(super) fn optional_number(name: &str) -> Result<TypePtr> {
    let kind = Type::primitive_type_builder(name, Physical::DOUBLE).with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(kind.build()?))
}

/// A list of numbers, `FLOAT` or `DOUBLE`, that may be missing.
pub(super) fn list(name: &str, element: Physical) -> Result<TypePtr> {
    let element = Type::primitive_type_builder("element", element).with_repetition(Repetition::REQUIRED).build()?;
    let inner = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![Arc::new(element)])
        .build()?;
    let list = Type::group_type_builder(name)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(inner)]);
    Ok(Arc::new(list.build()?))
}

/// Definition levels of a list: missing, empty, with an element.
const MISSING: i16 = 0;
const EMPTY: i16 = 1;
const ELEMENT: i16 = 2;

/// Writes the columns of one group of rows, in the order of the schema.
pub(super) struct Writer<'a, 'b, W: Write + Send>(pub(super) &'a mut SerializedRowGroupWriter<'b, W>);

impl<W: Write + Send> Writer<'_, '_, W> {
    fn write<T: DataType>(
        &mut self,
        values: &[T::T],
        definition: Option<&[i16]>,
        repetition: Option<&[i16]>,
    ) -> Result<()> {
        let next = self.0.next_column()?;
        let mut column = next.ok_or_else(|| ParquetError::General("more columns than the schema has".to_owned()))?;
        column.typed::<T>().write_batch(values, definition, repetition)?;
        column.close()
    }

    pub(super) fn texts<'t>(&mut self, texts: impl Iterator<Item = &'t str>) -> Result<()> {
        let values: Vec<ByteArray> = texts.map(ByteArray::from).collect();
        self.write::<ByteArrayType>(&values, None, None)
    }

    pub(super) fn optional_texts<'t>(&mut self, texts: impl Iterator<Item = Option<&'t str>>) -> Result<()> {
        let texts: Vec<Option<&str>> = texts.collect();
        let values: Vec<ByteArray> = texts.iter().flatten().map(|&text| ByteArray::from(text)).collect();
        let levels: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
        self.write::<ByteArrayType>(&values, Some(&levels), None)
    }

    pub(super) fn flags(&mut self, flags: impl Iterator<Item = bool>) -> Result<()> {
        self.write::<BoolType>(&flags.collect::<Vec<_>>(), None, None)
    }

    pub(super) fn wholes(&mut self, numbers: impl Iterator<Item = i32>) -> Result<()> {
        self.write::<Int32Type>(&numbers.collect::<Vec<_>>(), None, None)
    }

    pub(super) fn optional_numbers(&mut self, numbers: impl Iterator<Item = Option<f64>>) -> Result<()> {
        let numbers: Vec<Option<f64>> = numbers.collect();
        let levels: Vec<i16> = numbers.iter().map(|number| i16::from(number.is_some())).collect();
        self.write::<DoubleType>(&numbers.into_iter().flatten().collect::<Vec<_>>(), Some(&levels), None)
    }

    pub(super) fn floats<'v>(&mut self, lists: impl Iterator<Item = Option<&'v [f32]>>) -> Result<()> {
        let (values, definition, repetition) = flattened(lists);
        self.write::<FloatType>(&values, Some(&definition), Some(&repetition))
    }

    pub(super) fn doubles<'v>(&mut self, lists: impl Iterator<Item = Option<&'v [f64]>>) -> Result<()> {
        let (values, definition, repetition) = flattened(lists);
        self.write::<DoubleType>(&values, Some(&definition), Some(&repetition))
    }
}

fn flattened<'v, T: Copy + 'v>(lists: impl Iterator<Item = Option<&'v [T]>>) -> (Vec<T>, Vec<i16>, Vec<i16>) {
    let (mut values, mut definition, mut repetition) = (Vec::new(), Vec::new(), Vec::new());
    for list in lists {
        match list {
            None | Some([]) => {
                definition.push(if list.is_some() { EMPTY } else { MISSING });
                repetition.push(0);
            }
            Some(list) => {
                values.extend_from_slice(list);
                definition.extend(list.iter().map(|_| ELEMENT));
                repetition.extend((0..list.len()).map(|index| i16::from(index > 0)));
            }
        }
    }
    (values, definition, repetition)
}

/// Reads the columns of one group of rows, in the order of the schema.
pub(super) struct Reader<'a> {
    group: &'a dyn RowGroupReader,
    next: usize,
    rows: usize,
}

/// Values of a column, and for each of its places how much of it is there and whether it goes on.
type Levels<T> = (Vec<T>, Vec<i16>, Vec<i16>);

impl<'a> Reader<'a> {
    pub(super) fn new(group: &'a dyn RowGroupReader) -> Self {
        Self { group, next: 0, rows: usize::try_from(group.metadata().num_rows()).unwrap_or(0) }
    }

    fn read<T: DataType>(&mut self) -> Result<Levels<T::T>> {
        let reader: ColumnReader = self.group.get_column_reader(self.next)?;
        let column = self.group.metadata().column(self.next);
        if column.column_type() != T::get_physical_type() {
            return Err(ParquetError::General(format!("column {} is of another type", column.column_path())));
        }
        self.next += 1;
        let mut reader = get_typed_column_reader::<T>(reader);
        let (mut values, mut definition, mut repetition) = (Vec::new(), Vec::new(), Vec::new());
        let mut left = self.rows;
        while left > 0 {
            let (rows, ..) = reader.read_records(left, Some(&mut definition), Some(&mut repetition), &mut values)?;
            if rows == 0 {
                return Err(ParquetError::General("a column is too short".to_owned()));
            }
            left -= rows;
        }
        Ok((values, definition, repetition))
    }

    pub(super) fn texts(&mut self) -> Result<Vec<String>> {
        let (values, ..) = self.read::<ByteArrayType>()?;
        values.iter().map(as_text).collect()
    }

    pub(super) fn optional_texts(&mut self) -> Result<Vec<Option<String>>> {
        let (values, levels, _) = self.read::<ByteArrayType>()?;
        let mut values = values.iter();
        levels.iter().map(|&level| if level > 0 { values.next().map(as_text).transpose() } else { Ok(None) }).collect()
    }

    pub(super) fn flags(&mut self) -> Result<Vec<bool>> {
        Ok(self.read::<BoolType>()?.0)
    }

    pub(super) fn optional_numbers(&mut self) -> Result<Vec<Option<f64>>> {
        let (values, levels, _) = self.read::<DoubleType>()?;
        let mut values = values.into_iter();
        Ok(levels.iter().map(|&level| if level > 0 { values.next() } else { None }).collect())
    }

    pub(super) fn floats(&mut self) -> Result<Vec<Option<Vec<f32>>>> {
        Ok(lists(self.read::<FloatType>()?))
    }

    pub(super) fn doubles(&mut self) -> Result<Vec<Option<Vec<f64>>>> {
        Ok(lists(self.read::<DoubleType>()?))
    }
}

fn as_text(bytes: &ByteArray) -> Result<String> {
    let text = std::str::from_utf8(bytes.data());
    text.map(str::to_owned).map_err(|_| ParquetError::General("a text is not UTF-8".to_owned()))
}

fn lists<T>((values, definition, repetition): Levels<T>) -> Vec<Option<Vec<T>>> {
    let mut lists: Vec<Option<Vec<T>>> = Vec::new();
    let mut values = values.into_iter();
    for (&definition, &repetition) in definition.iter().zip(&repetition) {
        if repetition == 0 {
            lists.push((definition > MISSING).then(Vec::new));
        }
        if definition == ELEMENT
            && let (Some(Some(list)), Some(value)) = (lists.last_mut(), values.next())
        {
            list.push(value);
        }
    }
    lists
}
