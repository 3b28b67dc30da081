//! The keys that policies ask for, as a tree: `a`, `a.b`, `a.c`. A message is read only along these.
