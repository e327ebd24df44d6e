//! Random commands at a store and at a naive model of it, which must reply alike.

use super::op::Op;
use super::tests::Bench;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap, VecDeque};

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(Vec<u8>),
    List(VecDeque<Vec<u8>>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

/// Keys and deadlines in a map.
#[derive(Default)]
struct Model {
    keys: HashMap<Vec<u8>, (Value, Option<u64>)>,
    now_ms: u64,
}

fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn integer(number: impl std::fmt::Display) -> Vec<u8> {
    format!(":{number}\r\n").into_bytes()
}

fn wrong() -> Vec<u8> {
    b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n".to_vec()
}

fn number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

const NULL: &[u8] = b"$-1\r\n";
const OK: &[u8] = b"+OK\r\n";

/// What is done; words by index, so that keys meet.
#[derive(Clone, Copy, Debug)]
enum Step {
    Get,
    Set,
    SetKeep,
    SetNx,
    SetPx(u64),
    Incr,
    Append,
    StrLen,
    Del,
    Exists,
    PExpire(i64),
    PTtl,
    Persist,
    Type,
    Push(bool),
    Pop(bool),
    LRange,
    LLen,
    HSet,
    HGet,
    HDel,
    HLen,
    HIncrBy(i8),
    HSum,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    prop_oneof![
        Just(Get),
        Just(Set),
        Just(SetKeep),
        Just(SetNx),
        (1_u64..50).prop_map(SetPx),
        Just(Incr),
        Just(Append),
        Just(StrLen),
        Just(Del),
        Just(Exists),
        (-5_i64..50).prop_map(PExpire),
        Just(PTtl),
        Just(Persist),
        Just(Type),
        any::<bool>().prop_map(Push),
        any::<bool>().prop_map(Push),
        any::<bool>().prop_map(Pop),
        Just(LRange),
        Just(LLen),
        Just(HSet),
        Just(HSet),
        Just(HGet),
        Just(HDel),
        Just(HLen),
        any::<i8>().prop_map(HIncrBy),
        Just(HSum),
        (0_u64..30).prop_map(Pass),
    ]
}

impl Model {
    fn live(&mut self, key: &[u8]) -> Option<&mut (Value, Option<u64>)> {
        let now_ms = self.now_ms;
        if self
            .keys
            .get(key)
            .is_some_and(|(_, due)| due.is_some_and(|due| due <= now_ms))
        {
            self.keys.remove(key);
        }
        self.keys.get_mut(key)
    }

    fn set(&mut self, key: &[u8], value: &[u8], due: Option<u64>) {
        self.keys.insert(key.to_vec(), (Value::Text(value.to_vec()), due));
    }

    fn text(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, Vec<u8>> {
        match self.live(key) {
            None => Ok(None),
            Some((Value::Text(text), _)) => Ok(Some(text.clone())),
            Some(_) => Err(wrong()),
        }
    }

    fn list(&mut self, key: &[u8], make: bool) -> Result<Option<&mut VecDeque<Vec<u8>>>, Vec<u8>> {
        if make && self.live(key).is_none() {
            self.keys.insert(key.to_vec(), (Value::List(VecDeque::new()), None));
        }
        match self.live(key) {
            None => Ok(None),
            Some((Value::List(list), _)) => Ok(Some(list)),
            Some(_) => Err(wrong()),
        }
    }

    fn hash(&mut self, key: &[u8], make: bool) -> Result<Option<&mut BTreeMap<Vec<u8>, Vec<u8>>>, Vec<u8>> {
        if make && self.live(key).is_none() {
            self.keys.insert(key.to_vec(), (Value::Hash(BTreeMap::new()), None));
        }
        match self.live(key) {
            None => Ok(None),
            Some((Value::Hash(hash), _)) => Ok(Some(hash)),
            Some(_) => Err(wrong()),
        }
    }

    fn do_step(&mut self, step: Step, key: &[u8], word: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
        let now_ms = self.now_ms;
        Ok(match step {
            Step::Get => self.text(key)?.map_or(NULL.to_vec(), |text| bulk(&text)),
            Step::Set => {
                self.set(key, word, None);
                OK.to_vec()
            }
            Step::SetKeep => {
                let due = self.live(key).and_then(|(_, due)| *due);
                self.set(key, word, due);
                OK.to_vec()
            }
            Step::SetNx => {
                let new = self.live(key).is_none();
                if new {
                    self.set(key, word, None);
                }
                integer(u8::from(new))
            }
            Step::SetPx(ms) => {
                self.set(key, word, Some(now_ms + ms));
                OK.to_vec()
            }
            Step::Incr => {
                let old = self.text(key)?.map_or(Some(0), |text| number(&text));
                match old.map(|old| old.checked_add(1)) {
                    None => b"-ERR value is not an integer or out of range\r\n".to_vec(),
                    Some(None) => b"-ERR increment or decrement would overflow\r\n".to_vec(),
                    Some(Some(sum)) => {
                        let due = self.live(key).and_then(|(_, due)| *due);
                        self.set(key, sum.to_string().as_bytes(), due);
                        integer(sum)
                    }
                }
            }
            Step::Append => {
                let text = [self.text(key)?.unwrap_or_default(), word.to_vec()].concat();
                let due = self.live(key).and_then(|(_, due)| *due);
                self.set(key, &text, due);
                integer(text.len())
            }
            Step::StrLen => integer(self.text(key)?.unwrap_or_default().len()),
            Step::Del => {
                let there = self.live(key).is_some();
                self.keys.remove(key);
                integer(u8::from(there))
            }
            Step::Exists => integer(u8::from(self.live(key).is_some())),
            Step::PExpire(ms) => match self.live(key) {
                None => integer(0),
                Some((_, due)) => {
                    *due = Some(now_ms.saturating_add_signed(ms));
                    integer(1)
                }
            },
            Step::PTtl => match self.live(key) {
                None => integer(-2),
                Some((_, None)) => integer(-1),
                Some((_, Some(due))) => integer(*due - now_ms),
            },
            Step::Persist => integer(u8::from(self.live(key).is_some_and(|(_, due)| due.take().is_some()))),
            Step::Type => match self.live(key) {
                None => b"+none\r\n".to_vec(),
                Some((Value::Text(_), _)) => b"+string\r\n".to_vec(),
                Some((Value::List(_), _)) => b"+list\r\n".to_vec(),
                Some((Value::Hash(_), _)) => b"+hash\r\n".to_vec(),
            },
            Step::Push(left) => {
                let Some(list) = self.list(key, true)? else {
                    return Err(Vec::new());
                };
                if left {
                    list.push_front(word.to_vec());
                } else {
                    list.push_back(word.to_vec());
                }
                integer(list.len())
            }
            Step::Pop(left) => {
                let Some(list) = self.list(key, false)? else {
                    return Ok(NULL.to_vec());
                };
                let popped = if left { list.pop_front() } else { list.pop_back() };
                if list.is_empty() {
                    self.keys.remove(key);
                }
                popped.map_or(NULL.to_vec(), |popped| bulk(&popped))
            }
            Step::LRange => {
                let list = self.list(key, false)?.cloned().unwrap_or_default();
                let elements: Vec<u8> = list.iter().flat_map(|element| bulk(element)).collect();
                [format!("*{}\r\n", list.len()).into_bytes(), elements].concat()
            }
            Step::LLen => integer(self.list(key, false)?.map_or(0, |list| list.len())),
            Step::HSet => {
                let Some(hash) = self.hash(key, true)? else {
                    return Err(Vec::new());
                };
                integer(u8::from(hash.insert(word.to_vec(), b"7".to_vec()).is_none()))
            }
            Step::HGet => match self.hash(key, false)?.and_then(|hash| hash.get(word)) {
                Some(value) => bulk(value),
                None => NULL.to_vec(),
            },
            Step::HDel => {
                let Some(hash) = self.hash(key, false)? else {
                    return Ok(integer(0));
                };
                let there = hash.remove(word).is_some();
                if hash.is_empty() {
                    self.keys.remove(key);
                }
                integer(u8::from(there))
            }
            Step::HLen => integer(self.hash(key, false)?.map_or(0, |hash| hash.len())),
            Step::HIncrBy(delta) => {
                let Some(hash) = self.hash(key, true)? else {
                    return Err(Vec::new());
                };
                let old = hash.get(word).map_or(0, |value| number(value).unwrap_or_default());
                let sum = old + i64::from(delta);
                hash.insert(word.to_vec(), sum.to_string().into_bytes());
                integer(sum)
            }
            // All values, in the order of the fields' names, whatever order they come in.
            Step::HSum => {
                let hash = self.hash(key, false)?.cloned().unwrap_or_default();
                hash.iter()
                    .flat_map(|(name, value)| [bulk(name), bulk(value)].concat())
                    .collect()
            }
            Step::Pass(ms) => {
                self.now_ms += ms;
                Vec::new()
            }
        })
    }
}

fn at_store(bench: &mut Bench, step: Step, key: &[u8], word: &[u8]) -> Vec<u8> {
    let mut room = [0; 20];
    let mut digits = |number: i64| super::number::digits(number, &mut room).to_vec();
    match step {
        Step::Get => bench.run(Op::Get, &[key]),
        Step::Set => bench.run(Op::Set, &[key, word]),
        Step::SetKeep => bench.run(Op::SetWith, &[key, word, b"KEEPTTL"]),
        Step::SetNx => bench.run(Op::SetNx, &[key, word]),
        Step::SetPx(ms) => bench.run(Op::SetWith, &[key, word, b"PX", &digits(ms as i64)]),
        Step::Incr => bench.run(Op::Incr, &[key]),
        Step::Append => bench.run(Op::Append, &[key, word]),
        Step::StrLen => bench.run(Op::StrLen, &[key]),
        Step::Del => bench.run(Op::Del, &[key]),
        Step::Exists => bench.run(Op::Exists, &[key]),
        Step::PExpire(ms) => bench.run(Op::PExpire, &[key, &digits(ms)]),
        Step::PTtl => bench.run(Op::PTtl, &[key]),
        Step::Persist => bench.run(Op::Persist, &[key]),
        Step::Type => bench.run(Op::Type, &[key]),
        Step::Push(true) => bench.run(Op::LPush, &[key, word]),
        Step::Push(false) => bench.run(Op::RPush, &[key, word]),
        Step::Pop(true) => bench.run(Op::LPop, &[key]),
        Step::Pop(false) => bench.run(Op::RPop, &[key]),
        Step::LRange => bench.run(Op::LRange, &[key, b"0", b"-1"]),
        Step::LLen => bench.run(Op::LLen, &[key]),
        Step::HSet => bench.run(Op::HSet, &[key, word, b"7"]),
        Step::HGet => bench.run(Op::HGet, &[key, word]),
        Step::HDel => bench.run(Op::HDel, &[key, word]),
        Step::HLen => bench.run(Op::HLen, &[key]),
        Step::HIncrBy(delta) => bench.run(Op::HIncrBy, &[key, word, &digits(delta.into())]),
        Step::HSum => sorted_pairs(&bench.run(Op::HGetAll, &[key])),
        Step::Pass(ms) => {
            bench.now_ms += ms;
            Vec::new()
        }
    }
}

/// The pairs of a reply without its head, sorted by their names.
fn sorted_pairs(reply: &[u8]) -> Vec<u8> {
    if reply.starts_with(b"-") {
        return reply.to_vec();
    }
    let mut bulks = Vec::new();
    let mut at = reply
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(reply.len(), |end| end + 1);
    while at < reply.len() {
        let end = at + reply[at..].iter().position(|byte| *byte == b'\r').unwrap_or_default();
        let len = std::str::from_utf8(&reply[at + 1..end])
            .unwrap()
            .parse::<usize>()
            .unwrap();
        bulks.push(reply[end + 2..end + 2 + len].to_vec());
        at = end + 2 + len + 2;
    }
    let pairs: BTreeMap<_, _> = bulks.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    pairs
        .iter()
        .flat_map(|(name, value)| [bulk(name), bulk(value)].concat())
        .collect()
}

proptest! {
    #[test]
    fn the_store_replies_as_the_model_does(
        steps in proptest::collection::vec((step(), 0_usize..5, 0_usize..40), 1..300),
    ) {
        let mut bench = Bench::new();
        let mut model = Model { now_ms: bench.now_ms, ..Model::default() };
        for (number, (step, key, word)) in steps.into_iter().enumerate() {
            let key = [&b"key"[..], &vec![b'k'; key * 10]].concat();
            // Numbers, short text and text that does not lie in place.
            let word = match word % 4 {
                0 => (word as i64 - 20).to_string().into_bytes(),
                1 => vec![b'w'; word],
                2 => [&b"9223372036854775807"[..], &vec![b'0'; word / 39]].concat(),
                _ => format!("field {word}").into_bytes(),
            };
            // The model adds without looking: fields are numbers there only where they are small.
            let expected = model.do_step(step, &key, &word).unwrap_or_else(|error| error);
            let reply = at_store(&mut bench, step, &key, &word);
            prop_assert_eq!(
                String::from_utf8_lossy(&reply),
                String::from_utf8_lossy(&expected),
                "step {}: {:?}", number, step
            );
            if number % 50 == 49 {
                bench.store.slices.iter_mut().for_each(|slice| slice.compact());
            }
        }
    }
}
