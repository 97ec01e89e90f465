//! The gallery's file.

mod schema;
mod sqlite;

pub(crate) use sqlite::{
    Failure, Header, SealedTemplate, Store, calibrations, delete_subject, header, mark_erasing, put_calibration,
    put_header, put_log, put_log_head, put_subject, put_template, subject_named, subjects,
};
