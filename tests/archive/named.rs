//! Files that are named to an import, and that it cannot read.

use super::*;

both! {
    async fn a_named_file_that_is_not_read_is_a_failure(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "one", "mediaType": "chat"})).await;
        let source = server.stop().await;
        let archive = file(&source, "whole.archive");
        export(&source.url, &archive, &[]).await;
        let whole = std::fs::read(&archive).unwrap();
        let text = String::from_utf8(whole.clone()).unwrap();
        let wide: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let there = Place::new(db).await;
        let cases: [(&str, Vec<u8>, &str); 8] = [
            ("a.archive.gz", b"\x1f\x8b\x08\x00rest".to_vec(), "gzip"),
            ("gzip.archive", b"\x1f\x8b\x08\x00rest".to_vec(), "gzip"),
            ("blank.archive", [b"\n".as_slice(), &whole].concat(), "first line"),
            ("damaged.archive", text.replacen("{\"annals\":", "{\"annals\" :", 1).into_bytes(), "first line"),
            ("empty.archive", Vec::new(), "not imported"),
            ("wide.archive", wide, "UTF-16"),
            ("h.csv", b"a,b,c\n1,2,3\n".to_vec(), "not imported"),
            ("h.json", b"{\"a\": 1}".to_vec(), "not imported"),
        ];
        for (name, bytes, said) in cases {
            let path = file(&there, name);
            std::fs::write(&path, bytes).unwrap();
            let ran = run(&there.url, &["import", path.to_str().unwrap()]).await;
            assert_eq!(ran.code, Some(2), "{name} {ran:?}");
            assert!(ran.out.contains(name) && ran.out.contains(said), "{name} {ran:?}");
        }
        let folder = file(&there, "folder");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("notes.md"), "notes").unwrap();
        let said = annals(&there.url, &["import", folder.to_str().unwrap()], 0).await;
        assert!(said.contains("not history"), "{said}");
        std::fs::write(folder.join("a.archive"), &whole).unwrap();
        let said = annals(&there.url, &["import", folder.to_str().unwrap()], 2).await;
        assert!(said.contains("a.archive: not imported: an archive"), "{said}");

        std::fs::write(&archive, [b"\xef\xbb\xbf".as_slice(), &whole].concat()).unwrap();
        annals(&there.url, &["import", archive.to_str().unwrap()], 0).await;
        let said = annals(&there.url, &["verify", archive.to_str().unwrap()], 0).await;
        assert!(said.contains("all equal"), "{said}");
    }
}
