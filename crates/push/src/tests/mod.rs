//! The endpoint's task and the worker over a broker and endpoints that are stand-ins, in a time that does not pass by itself.

mod again;
mod confirmation;
mod delivery;
mod local;
mod outage;
mod shutdown;
mod support;
mod worker;
