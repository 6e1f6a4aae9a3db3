use super::*;

fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
    Config::load(
        None,
        environment
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
    )
}

#[test]
fn the_environment_sets_any_setting_by_its_name() {
    let config = load(&[
        ("ANNALS_LISTEN", "127.0.0.1:9"),
        ("ANNALS_USER_DATA_TRANSIENT", "jsonEvent, secret"),
        (
            "ANNALS_USER_DATA_EXTRACT",
            r#"{ page = "jsonEvent.data.url" }"#,
        ),
        ("ANNALS_LIMITS_DEPTH", "7"),
        ("HOME", "/"),
    ])
    .unwrap();
    assert_eq!(config.server.listen.port(), 9);
    assert_eq!(config.user_data.transient, ["jsonEvent", "secret"]);
    assert_eq!(config.user_data.extract["page"], "jsonEvent.data.url");
    assert_eq!(
        config.limits,
        Limits {
            depth: 7,
            ..Limits::default()
        }
    );
}

#[test]
fn a_misspelt_setting_is_an_error_that_names_it() {
    assert!(
        load(&[("ANNALS_LISTENS", "x")])
            .unwrap_err()
            .starts_with("ANNALS_LISTENS")
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[server]\nlissen = \"x\"\n").unwrap();
    assert!(
        Config::load(Some(file.path()), std::iter::empty())
            .unwrap_err()
            .contains("no setting lissen")
    );
}

#[test]
fn users_come_from_the_environment_plain_and_from_a_file_hashed() {
    let config = load(&[("ANNALS_GWS_USERS", "ann:open sesame,bob:x:y")]).unwrap();
    assert_eq!(config.gws.users, ["ann:open sesame", "bob:x:y"]);
    let printed = config.printed();
    assert!(
        printed.contains("ann:***") && !printed.contains("sesame"),
        "{printed}"
    );
    for wrong in ["open sesame", "[\"ann:open sesame", "[\"sesame\"]", "[7]"] {
        let error = load(&[("ANNALS_GWS_USERS", wrong)]).unwrap_err();
        assert!(
            error.contains("users") || error.starts_with("ANNALS_GWS_USERS"),
            "{error}"
        );
        assert!(!error.contains("sesame"), "{error}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    for (text, wanted) in [
        (
            "[gws]\nusers = [\"ann:open sesame\"]\n",
            "annals gws-user ann",
        ),
        ("[gws]\nusers = [\"ann:open sesame\n", "line 2"),
        ("[gws]\nusers = \"ann:open sesame\"\n", "no list"),
    ] {
        std::fs::write(file.path(), text).unwrap();
        let error = Config::load(Some(file.path()), std::iter::empty()).unwrap_err();
        assert!(
            error.contains(wanted) && !error.contains("sesame"),
            "{error}"
        );
    }
}

#[test]
fn web_sites_and_the_address_are_checked() {
    for (name, wrong) in [
        ("ANNALS_GWS_ALLOW_ORIGINS", "*"),
        ("ANNALS_GWS_ALLOW_ORIGINS", "https://desk.example.org/"),
        ("ANNALS_GWS_ALLOW_ORIGINS", "desk.example.org"),
        ("ANNALS_GWS_BASE_URL", "annals.example.org"),
        ("ANNALS_WEB_ACTIONS_ALLOW_ORIGINS", "*"),
        ("ANNALS_WEB_ACTIONS_ALLOW_ORIGINS", "null"),
    ] {
        assert!(load(&[(name, wrong)]).unwrap_err().contains(wrong));
    }
    let right = [
        ("ANNALS_GWS_ALLOW_ORIGINS", "https://a.example,http://b:81"),
        ("ANNALS_GWS_BASE_URL", "https://annals.example.org"),
    ];
    assert!(load(&right).is_ok());
}

#[test]
fn what_is_printed_can_be_read_again_and_hides_the_password() {
    let config = load(&[
        ("ANNALS_DATABASE_URL", "postgres://u:secret@h/n"),
        ("ANNALS_QUEUE_COMMANDS", "5"),
    ])
    .unwrap();
    let printed = config.printed();
    assert!(
        !printed.contains("secret") && printed.contains("commands = 5"),
        "{printed}"
    );
    assert!(toml::from_str::<Table>(&printed).is_ok());
    assert_eq!(load(&[]).unwrap().printed(), DEFAULTS);
    let printed = load(&[("ANNALS_CONTACTS_PLACEHOLDERS", "nobody,nothing")])
        .unwrap()
        .printed();
    assert!(toml::from_str::<Table>(&printed).is_ok());
    assert!(
        printed.contains("\nplaceholders = [\"nobody\", \"nothing\"]\n#"),
        "{printed}"
    );
}

#[test]
fn a_password_is_hidden_wherever_a_url_may_hold_it() {
    for url in [
        "postgres://u:secret@h/n",
        "postgres://h/n?user=u&password=secret",
        "postgres://u:secret@h/n?sslmode=require&sslpassword=secret",
        "postgres://h:port/n?password=secret",
        "//u:secret@h",
    ] {
        let shown = redacted(url);
        assert!(
            !shown.contains("secret") && shown.contains("***"),
            "{shown}"
        );
    }
    for url in ["sqlite://annals.db", "postgres://u@h/n?sslmode=require"] {
        assert_eq!(redacted(url), url);
    }
}

#[test]
fn what_kubernetes_adds_to_the_environment_is_no_setting() {
    let added = [
        ("ANNALS_SERVICE_HOST", "10.0.0.1"),
        ("ANNALS_SERVICE_PORT_HTTP", "8080"),
        ("ANNALS_PORT", "tcp://10.0.0.1:8080"),
        ("ANNALS_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(load(&added).is_ok());
    assert!(load(&[("ANNALS_PORT", "8080")]).is_err());
    assert_eq!(load(&[]).unwrap().server.stop_seconds, 8);
}
