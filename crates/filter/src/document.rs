//! A message in the form that is evaluated: a tree of the values at the paths that somebody asks for.
