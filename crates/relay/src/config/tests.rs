//! Tests of the configuration.

use super::*;

fn domain() -> Domain {
    "interior.example".parse().unwrap()
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("relay.toml"))
}

fn listen() -> Vec<SocketAddr> {
    vec!["10.0.0.5:7461".parse().unwrap(), "[fd00::5]:7461".parse().unwrap()]
}

#[test]
fn the_sample_is_the_default_configuration() {
    let text = sample(&domain(), &listen(), &[]);
    let config = parse(&text).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::new(domain(), listen())));
}

#[test]
fn every_key_of_the_sample_is_known_and_shows_its_default() {
    // Takes the `#` off each line that holds a key: the result must parse and change nothing but the status file.
    let text = sample(&domain(), &listen(), &[]);
    let on: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => rest,
            _ => line,
        })
        .collect();
    assert_eq!(on.iter().filter(|line| line.contains(" = ") && !line.starts_with('#')).count(), 20);
    let config = parse(&on.join("\n")).unwrap();
    let mut default = Config::new(domain(), listen());
    default.status_file = Some("status.prom".into());
    assert_eq!(format!("{config:?}"), format!("{default:?}"));
}

#[test]
fn the_deployed_sample_is_what_init_writes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/relay.toml");
    let deployed = fs::read_to_string(path).unwrap();
    let config = parse(&deployed).unwrap();
    assert_eq!(deployed, sample(&config.domain, &config.listen, &[]));
}

#[test]
fn unknown_and_missing_keys_are_refused_with_their_line() {
    let text = "domain = \"a.example\"\nlisten = [\"127.0.0.1:1\"]\nlistne = 1\n";
    let error = parse(text).unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("listne"), "{error}");
    let error = parse("domain = \"a.example\"\n").unwrap_err().to_string();
    assert!(error.contains("listen"), "{error}");
    let error = parse("domain = \"a.example\"\nlisten = [\"127.0.0.1:1\"]\n[limits]\nspeed = 1\n").unwrap_err();
    assert!(error.to_string().contains("line 4"), "{error}");
}

#[test]
fn values_out_of_range_are_refused_with_their_line_and_key() {
    let head = "domain = \"a.example\"\nlisten = [\"127.0.0.1:7461\"]\n";
    let cases = [
        ("domain = \"no domain\"\nlisten = [\"127.0.0.1:1\"]\n".to_owned(), 1, "domain", Problem::Domain),
        ("domain = \"a.example\"\nlisten = []\n".to_owned(), 2, "listen", Problem::Empty),
        ("domain = \"a.example\"\nlisten = [\"localhost\"]\n".to_owned(), 2, "listen", Problem::HostPort),
        ("domain = \"a.example\"\nlisten = [\"0.0.0.0:1\"]\n".to_owned(), 2, "listen", Problem::Unspecified),
        ("domain = \"a.example\"\nlisten = [\"10.0.0.1:0\"]\n".to_owned(), 2, "advertise", Problem::NotDialled),
        (format!("{head}advertise = [\"fd00::1:5\"]\n"), 3, "advertise", Problem::NotDialled),
        (format!("{head}advertise = [\"10.0.0.1\"]\n"), 3, "advertise", Problem::NotDialled),
        (format!("{head}advertise = [\":99\"]\n"), 3, "advertise", Problem::NotDialled),
        (format!("{head}[limits]\n\nconnections = 0\n"), 5, "limits.connections", Problem::Below(1)),
        (format!("{head}[quotas]\nfree_disk_mib = 1\n"), 4, "quotas.free_disk_mib", Problem::Below(64)),
    ];
    for (text, at, name, wrong) in cases {
        match parse(&text) {
            Err(ConfigError::Value { line, key, problem, .. }) => {
                assert_eq!((line, key, problem), (at, name, wrong), "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(parse(&format!("{head}advertise = [\"relay.interior:7461\", \"[fd00::1]:5\"]\n")).is_ok());
}

#[test]
fn a_missing_file_says_what_to_try() {
    let dir = tempfile::tempdir().unwrap();
    let error = Config::load(dir.path()).unwrap_err();
    assert!(error.advice().contains("init"));
    fs::write(dir.path().join(FILE), vec![b'#'; 70_000]).unwrap();
    assert!(matches!(Config::load(dir.path()), Err(ConfigError::TooLong { .. })));
}
