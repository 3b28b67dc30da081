#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| journal_disk::fuzzing::decode_headers(bytes));
