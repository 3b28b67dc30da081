use super::*;

const IDENTITY: Identity = Identity { log: LogId(0x0102_0304), incarnation: 0x1122_3344_5566 };

fn segment() -> SegmentHeader {
    let created_at = Timestamp::from_micros(1_700_000_000_000_000);
    SegmentHeader { identity: IDENTITY, first: 258, created_at, link: 0xdead_beef }
}

fn frame() -> FrameHeader {
    FrameHeader {
        identity: IDENTITY,
        mark: false,
        length: 300,
        count: 2,
        first: 258,
        at: Timestamp::from_micros(1_700_000_000_000_001),
        durable: 256,
        link: 0xdead_beef,
        payload_crc: 0x0bad_cafe,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_of_the_directory_header_stay_what_they_are() {
    assert_eq!(hex(&encode_directory()), "46414e464449520a0100000083f8583f");
    assert_eq!(decode_directory(&encode_directory()), Ok(()));
}

#[test]
fn the_bytes_of_a_segment_header_stay_what_they_are() {
    let bytes = segment().encode();
    assert_eq!(
        hex(&bytes),
        "46414e465345470a010000000000000004030201000000006655443322110000020100000000000000401e18240a0600efbeaddee6497fb9"
    );
    assert_eq!(SegmentHeader::decode(&bytes), Ok(segment()));
}

#[test]
fn the_bytes_of_a_frame_header_stay_what_they_are() {
    let bytes = frame().encode();
    assert_eq!(
        hex(&bytes),
        "4646726d010000002c0100000200000002010000000000000403020100000000665544332211000001401e18240a06000001000000000000efbeaddefecaad0b85359998"
    );
    assert_eq!(FrameHeader::decode(&bytes), Ok((frame(), seal_of(&bytes))));
}

#[test]
fn every_flipped_bit_of_a_header_is_noticed() {
    let (segment, frame) = (segment().encode(), frame().encode());
    for bit in 0..FRAME_HEADER * 8 {
        let mut bytes = frame;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(FrameHeader::decode(&bytes), Err(Unreadable::Damaged));
    }
    for bit in 0..SEGMENT_HEADER * 8 {
        let mut bytes = segment;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(SegmentHeader::decode(&bytes), Err(Unreadable::Damaged));
    }
}

#[test]
fn zeros_and_short_headers_are_not_headers() {
    assert_eq!(FrameHeader::decode(&[0; FRAME_HEADER]), Err(Unreadable::Damaged));
    assert_eq!(FrameHeader::decode(&frame().encode()[..FRAME_HEADER - 1]), Err(Unreadable::Damaged));
    assert_eq!(SegmentHeader::decode(&[]), Err(Unreadable::Damaged));
}

#[test]
fn a_frame_without_records_is_a_mark_and_nothing_else() {
    let mark = FrameHeader { mark: true, count: 0, length: 0, ..frame() };
    assert_eq!(FrameHeader::decode(&mark.encode()).map(|(header, _)| header), Ok(mark));
    let odd = FrameHeader { count: 0, ..frame() };
    assert_eq!(FrameHeader::decode(&odd.encode()), Err(Unreadable::Damaged));
}
