//! The fuzz targets' bodies on pseudo-random input, so that every run of the tests runs them a little.

use journal_disk::fuzzing;

use crate::support::Random;

fn input(random: &mut Random) -> Vec<u8> {
    let length = random.below(200);
    (0..length)
        .map(|_| if random.below(3) == 0 { 0xff } else { random.below(256).to_le_bytes()[0] })
        .collect()
}

#[test]
fn headers_decode_to_what_encodes_to_the_same_bytes() {
    let mut random = Random(3);
    for _ in 0..20_000 {
        fuzzing::decode_headers(&input(&mut random));
    }
}

#[test]
fn no_segment_makes_recovery_panic_hang_or_refuse_and_write() {
    let mut random = Random(4);
    for _ in 0..1_500 {
        fuzzing::recover_segment(&input(&mut random));
    }
}
