//! Publish what your own PostgreSQL transaction has committed, and nothing else.
