//! The graph of a pipeline, for people: as text, for Graphviz, as JSON.
//!
//! It is what was written, stage by stage: a node is what has actors of its own or forks a stream, an edge names the steps that
//! are fused into its producer.

use std::fmt::{self, Write};

/// What a node of the graph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeKind {
    /// Gives records.
    Source,
    /// Holds state by key.
    Keyed,
    /// Windows of event time, by key.
    Window,
    /// Brings two streams together, by key.
    Join,
    /// Handles records without state, on actors of its own.
    Unkeyed,
    /// Sends each record one of several ways, inside its producer.
    Fork,
    /// Takes records.
    Sink,
}

impl NodeKind {
    fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Keyed => "keyed",
            Self::Window => "window",
            Self::Join => "join",
            Self::Unkeyed => "unkeyed",
            Self::Fork => "fork",
            Self::Sink => "sink",
        }
    }
}

/// A stage of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Its name, as in the job's status.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// How many actors it will have, if that was said; otherwise one for each worker, or what its kind has.
    pub actors: Option<usize>,
}

/// A stream from one stage to another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// Index of the node it leaves.
    pub from: usize,
    /// Index of the node it enters.
    pub to: usize,
    /// The side output it begins at, if it does.
    pub side: Option<&'static str>,
    /// The fused steps on the way.
    pub steps: Vec<&'static str>,
}

/// A pipeline as nodes and edges. Its `Display` is text for people.
///
/// ```
/// use potoroo_actors::{Pipeline, sink, source};
///
/// let pipeline = Pipeline::new();
/// pipeline
///     .source("numbers", source::generate(1, |_| 0..10_u64))
///     .filter(|n| n % 2 == 0)
///     .key_by(|n| n % 10)
///     .entity("sums", |_| 0, |sum: &mut u64, n, out| { *sum += n; out.emit(*sum); Ok(()) })
///     .sink("out", sink::each(|_| {}));
/// assert_eq!(
///     pipeline.graph().to_string(),
///     "source numbers ×1\nkeyed sums\n  <- numbers: filter, key_by\nsink out\n  <- sums\n"
/// );
/// assert!(pipeline.graph().to_dot().contains("\"numbers\" -> \"sums\""));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Graph {
    /// The stages, in the order in which they were written.
    pub nodes: Vec<Node>,
    /// The streams between them.
    pub edges: Vec<Edge>,
}

impl Graph {
    /// For Graphviz: `dot -Tsvg`.
    pub fn to_dot(&self) -> String {
        let mut out = String::from("digraph pipeline {\n  rankdir=LR;\n");
        for node in &self.nodes {
            let shape = match node.kind {
                NodeKind::Source | NodeKind::Sink => "oval",
                NodeKind::Fork => "diamond",
                _ => "box",
            };
            let actors = node.actors.map_or(String::new(), |actors| format!(" ×{actors}"));
            let label = quoted(&format!("{}{actors}", node.name));
            let _ = writeln!(out, "  {} [shape={shape}, label={label}];", quoted(&node.name));
        }
        for edge in &self.edges {
            let (from, to) = (&self.nodes[edge.from].name, &self.nodes[edge.to].name);
            let _ = writeln!(
                out,
                "  {} -> {} [label={}];",
                quoted(from),
                quoted(to),
                quoted(&edge.label())
            );
        }
        out.push_str("}\n");
        out
    }

    /// An object with `nodes` (`name`, `kind`, `actors`) and `edges` (`from`, `to`, `side`, `steps`).
    pub fn to_json(&self) -> String {
        let nodes = self.nodes.iter().map(|node| {
            let actors = node.actors.map_or("null".to_owned(), |actors| actors.to_string());
            format!(
                "{{\"name\":{},\"kind\":\"{}\",\"actors\":{actors}}}",
                quoted(&node.name),
                node.kind.name()
            )
        });
        let edges = self.edges.iter().map(|edge| {
            let side = edge.side.map_or("null".to_owned(), quoted);
            let steps: Vec<String> = edge.steps.iter().map(|step| quoted(step)).collect();
            format!(
                "{{\"from\":{},\"to\":{},\"side\":{side},\"steps\":[{}]}}",
                edge.from,
                edge.to,
                steps.join(",")
            )
        });
        let (nodes, edges): (Vec<String>, Vec<String>) = (nodes.collect(), edges.collect());
        format!("{{\"nodes\":[{}],\"edges\":[{}]}}", nodes.join(","), edges.join(","))
    }
}

impl Edge {
    fn label(&self) -> String {
        let side = self.side.map(|side| format!("[{side}]"));
        let steps = side.into_iter().chain(self.steps.iter().map(|step| (*step).to_owned()));
        steps.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, node) in self.nodes.iter().enumerate() {
            write!(f, "{} {}", node.kind.name(), node.name)?;
            match node.actors {
                Some(actors) => writeln!(f, " ×{actors}")?,
                None => writeln!(f)?,
            }
            for edge in self.edges.iter().filter(|edge| edge.to == index) {
                let label = edge.label();
                let colon = if label.is_empty() { "" } else { ": " };
                writeln!(f, "  <- {}{colon}{label}", self.nodes[edge.from].name)?;
            }
        }
        Ok(())
    }
}

/// In quotes, for JSON and for Graphviz alike.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_dot_survive_any_name() {
        let node = |name: &str, kind| Node {
            name: name.to_owned(),
            kind,
            actors: None,
        };
        let graph = Graph {
            nodes: vec![node("a \"b\" \\\n", NodeKind::Source), node("late", NodeKind::Sink)],
            edges: vec![Edge {
                from: 0,
                to: 1,
                side: Some("late"),
                steps: vec!["map"],
            }],
        };
        assert_eq!(
            graph.to_json(),
            "{\"nodes\":[{\"name\":\"a \\\"b\\\" \\\\\\u000a\",\"kind\":\"source\",\"actors\":null},\
             {\"name\":\"late\",\"kind\":\"sink\",\"actors\":null}],\
             \"edges\":[{\"from\":0,\"to\":1,\"side\":\"late\",\"steps\":[\"map\"]}]}"
        );
        assert!(graph.to_dot().contains("[label=\"[late], map\"]"));
    }
}
