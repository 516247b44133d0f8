//! The facade, on files as they are on a disk.
