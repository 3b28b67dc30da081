//! The client against a broker in the test's process, and against ones that only play it.

mod subscriber;
