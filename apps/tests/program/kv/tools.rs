//! Redis's own tools, where they are installed: nothing is proved without them, and nothing fails.

use super::Server;
use std::process::Command;

/// What a tool prints; `None` if it is not installed.
fn tool(name: &str, server: &Server, arguments: &[&str]) -> Option<String> {
    let port = server.address.port().to_string();
    let output = Command::new(name).args(["-p", &port]).args(arguments).output();
    let output = match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.expect("the tool runs"),
    };
    assert!(output.status.success(), "{name} {arguments:?}: {output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn redis_cli_works() {
    let server = Server::start();
    let Some(set) = tool("redis-cli", &server, &["SET", "a", "1"]) else {
        return;
    };
    assert_eq!(set, "OK\n");
    let cli = |arguments: &[&str]| tool("redis-cli", &server, arguments).expect("installed");
    assert_eq!(cli(&["GET", "a"]), "1\n");
    assert_eq!(cli(&["-3", "HSET", "h", "f", "v"]), "1\n");
    assert_eq!(
        cli(&["-3", "HGETALL", "h"]).split_whitespace().collect::<Vec<_>>(),
        ["f", "v"]
    );
    assert_eq!(cli(&["--scan", "--pattern", "a*"]), "a\n");
    assert!(cli(&["INFO"]).contains("redis_version:"));
    assert!(cli(&["COMMAND", "DOCS", "get"]).contains("summary"));
}

#[test]
fn redis_benchmark_works() {
    let server = Server::start();
    for (pipeline, random) in [("1", "1000"), ("16", "100000")] {
        let arguments = [
            "-c",
            "20",
            "-n",
            "2000",
            "-P",
            pipeline,
            "-r",
            random,
            "-q",
            "-t",
            "ping,set,get,incr,lpush,rpop,hset,lrange_100,mset",
        ];
        let Some(printed) = tool("redis-benchmark", &server, &arguments) else {
            return;
        };
        assert!(!printed.contains("Error") && !printed.contains("WARNING"), "{printed}");
        assert!(printed.contains("requests per second"), "{printed}");
    }
}
