//! What is cut, what is refused, and that it does not matter in which pieces bytes come.

use super::*;
use proptest::prelude::*;

fn request(text: &str) -> Result<Option<(Request, usize)>, FrameError> {
    Requests::default().decode(text.as_bytes(), 0)
}

fn response(text: &str, is_head: bool) -> Result<Option<Response>, FrameError> {
    let mut codec = Responses { is_head, wanted: 0 };
    match codec.decode(text.as_bytes(), 0)? {
        Some((response, _)) => Ok(Some(response)),
        None => codec.finish(text.as_bytes(), 0),
    }
}

#[test]
fn a_request_is_passed_on_without_what_concerns_one_connection() {
    let text = "POST /a?b HTTP/1.1\r\nHost: x\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-Far: 2\r\n\
                Content-Length: 3\r\n\r\nabcGET";
    let (request, used) = request(text).unwrap().unwrap();
    assert_eq!((used, request.keep_alive), (text.len() - 3, false));
    assert_eq!(
        String::from_utf8(request.to_bytes()).unwrap(),
        "POST /a?b HTTP/1.0\r\nVia: 1.1 potoroo\r\nHost: x\r\nX-Far: 2\r\nContent-Length: 3\r\n\r\nabc"
    );
}

#[test]
fn a_length_in_doubt_is_refused() {
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
    for text in [
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        assert!(matches!(request(text), Err(FrameError::Invalid { .. })), "{text:?}");
    }
    for text in [long.as_str(), "PUT / HTTP/1.1\r\nContent-Length: 8388609\r\n\r\n"] {
        assert!(matches!(request(text), Err(FrameError::TooLong { .. })), "{text:?}");
    }
}

#[test]
fn a_response_ends_with_its_length_or_with_the_stream() {
    let until_the_end = response("HTTP/1.0 200 OK\r\n\r\nall of it", false).unwrap().unwrap();
    assert_eq!(until_the_end.body, b"all of it");
    let short = response("HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nnot all", false);
    assert!(matches!(short, Err(FrameError::Truncated { .. })));
    let chunked = response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false);
    assert!(matches!(chunked, Err(FrameError::Invalid { .. })));
    let of_head = response("HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n", true)
        .unwrap()
        .unwrap();
    let mut out = Vec::new();
    of_head.write(true, false, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: keep-alive\r\n\r\n"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_cut_refused_or_waited_for(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(Some((_, used))) = Requests::default().decode(&bytes, 0) {
            prop_assert!(used > 0 && used <= bytes.len());
        }
        let mut codec = Responses { is_head: false, wanted: 0 };
        if let Ok(Some((_, used))) = codec.decode(&bytes, 0) {
            prop_assert!(used > 0 && used <= bytes.len());
        }
    }

    #[test]
    fn a_request_that_comes_in_two_pieces_is_the_same(body in "[a-z]{0,40}", at in 0_usize..200) {
        let text = format!("PUT /x HTTP/1.1\r\nHost: y\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut codec = Requests::default();
        let at = at.min(text.len() - 1);
        prop_assert!(codec.decode(&text.as_bytes()[..at], 0).unwrap().is_none());
        let (request, used) = codec.decode(text.as_bytes(), 0).unwrap().unwrap();
        prop_assert_eq!((used, request.body), (text.len(), body.into_bytes()));
    }
}
