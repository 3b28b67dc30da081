//! Publish what your own transaction has committed.
