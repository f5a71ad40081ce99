//! Names of real variety: found as people type them, and listed as Canadians expect, whatever the database's collation.

use std::fmt::Write as _;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Client, TestApp};

/// Given name, family name, and what people type who look for them.
const NAMES: [(&str, &str, &[&str]); 60] = [
    ("Patrick", "O'Brien", &["o'brien", "O’Brien", "obrien", "o brien", "OʼBrien", "O`Brien", "O´Brien", "O‘Brien"]),
    ("Siobhán", "O’Connor", &["o'connor", "oconnor", "siobhan o connor", "O＇Connor"]),
    ("Aoife", "Ní Dhomhnaill", &["ni dhomhnaill", "dhomhnaill aoife", "nidhomhnaill"]),
    ("Seán", "Mac Giolla Bhríde", &["sean mac giolla", "macgiolla", "bhride"]),
    (
        "Jean-Pierre",
        "Tremblay",
        &["jean pierre", "Jean-Pierre", "jeanpierre", "tremblay jean", "Tremblay, Jean-Pierre"],
    ),
    ("Marie Ève", "Saint-Jean", &["marie-eve", "marieeve", "saint jean", "SAINT-JEAN", "saintjean"]),
    ("Anne‑Sophie", "L'Écuyer", &["anne-sophie", "l'ecuyer", "lecuyer", "L’ÉCUYER"]),
    ("François", "Côté", &["francois", "cote", "CÔTÉ", "co\u{302}te\u{301}", "FRANC\u{327}OIS"]),
    ("Zoé", "Bœuf", &["boeuf", "bœuf", "BŒUF"]),
    ("Léa", "d'Astous", &["d'astous", "dastous", "d astous", "D’Astous"]),
    ("Chloé", "Lefèbvre", &["lefebvre", "chloe lef"]),
    ("Noël", "Gagné", &["noel gagne", "gagne noel"]),
    ("Łukasz", "Wałęsa", &["lukasz", "walesa", "WAŁĘSA"]),
    ("Małgorzata", "Żółć", &["malgorzata", "zolc"]),
    ("Grzegorz", "Brzęczyszczykiewicz", &["brzeczy", "grzegorz brz"]),
    ("Søren", "Kierkegård", &["soren", "soeren", "kierkegard", "kierkegaard", "SØREN"]),
    ("Ørsted", "Ågesen", &["orsted", "oersted", "agesen", "aagesen"]),
    ("Bjørn", "Ærø", &["bjorn", "aero", "bjoern"]),
    ("Þórður", "Guðmundsson", &["thordur", "gudmundsson", "þórður", "ÞÓRÐUR"]),
    ("Æsa", "Sigurðardóttir", &["aesa", "sigurdardottir"]),
    ("Nguyễn", "Thị Đào", &["nguyen", "thi dao", "dao nguyen", "đào", "NGUYỄN"]),
    ("Đặng", "Văn Lâm", &["dang", "van lam", "ĐẶNG"]),
    ("Trần", "Quốc Hưng", &["tran quoc", "hung"]),
    ("Işık", "Yıldırım", &["isik", "yildirim", "IŞIK", "YILDIRIM", "YILDIRIM isik"]),
    ("İbrahim", "Ağaoğlu", &["ibrahim", "agaoglu", "AĞAOĞLU", "İBRAHİM"]),
    ("Gülşen", "Öztürk", &["gulsen", "ozturk", "oeztuerk"]),
    ("Jürgen", "Groß", &["jurgen", "juergen", "gross", "groß", "GROẞ"]),
    ("Käthe", "Müller-Lüdenscheidt", &["kathe", "kaethe", "mueller", "muller ludenscheidt", "MÜLLER"]),
    ("Jörg", "Weiß", &["joerg", "jorg weiss"]),
    ("Dvořák", "Růžička", &["dvorak", "ruzicka"]),
    ("Škoda", "Čapek", &["skoda capek"]),
    ("Đorđe", "Petrović", &["dorde", "petrovic", "ĐORĐE"]),
    ("Ion", "Țepeș", &["tepes", "ţepeş"]),
    ("Gintarė", "Žemaitytė", &["gintare zemaityte"]),
    ("Līga", "Ķēniņa", &["liga kenina"]),
    ("Ġorġ", "Ħaż-Żebbuġ", &["gorg", "haz zebbug", "hazzebbug"]),
    ("Sánchez", "Núñez", &["sanchez nunez", "NÚÑEZ"]),
    ("María José", "de la Peña", &["maria jose", "de la pena", "delapena", "mariajose", "pena maria"]),
    ("João", "Gonçalves", &["joao goncalves"]),
    ("Conceição", "dos Santos", &["conceicao dos santos", "dossantos"]),
    ("Francesco", "D'Angelo", &["d'angelo", "dangelo", "d angelo"]),
    ("Ángel", "Ibáñez", &["angel ibanez"]),
    ("Oleksandr", "Лук'яненко", &["лук'яненко", "лукʼяненко", "ЛУК’ЯНЕНКО", "лукяненко"]),
    ("Зоя", "Йовчева", &["зоя", "ЙОВЧЕВА"]),
    ("Γιώργος", "Παπαδόπουλος", &["γιωργος", "ΠΑΠΑΔΟΠΟΥΛΟΣ", "παπαδόπουλος"]),
    ("Keʻala", "Kamehameha", &["ke'ala", "keala"]),
    ("Tłı̨chǫ", "Ɂedzo", &["tlicho", "edzo", "ʔedzo"]),
    ("Anâhkwa", "Wâpikwan", &["anahkwa wapikwan"]),
    ("Nuliajuk", "ᐊᓇ", &["nuliajuk", "ᐊᓇ"]),
    ("小明", "王", &["王", "小明"]),
    ("민준", "김", &["김", "민준"]),
    ("محمد", "الأحمد", &["محمد"]),
    ("Harpreet", "Singh  Gill", &["singh gill", "singhgill", "harpreet  gill"]),
    ("Mary\u{a0}Ann", "Mc Donald", &["mary ann", "maryann", "mcdonald", "mc donald"]),
    ("  Wilhelmina ", " van der Berg ", &["van der berg", " wilhelmina ", "vanderberg"]),
    ("J. P.", "St. John", &["j.p.", "jp", "st john", "St. John"]),
    ("Ann\u{200b}e", "Smith\u{ad}son", &["anne", "smithson"]),
    ("Ｙｕｋｉ", "Tanaka", &["yuki", "ｔａｎａｋａ"]),
    ("Ọlúwaṣeun", "Adébáyọ̀", &["oluwaseun", "adebayo"]),
    ("Ƙwaɗɗo", "Ɛdɔm", &["kwaddo", "edom"]),
];

async fn enter(coordinator: &Client, (first, last): (&str, &str)) -> Uuid {
    let id = Uuid::now_v7();
    let body = json!({"id": id, "first_name": first, "last_name": last, "date_of_birth": "1950-05-05",
        "address": {"street": "2 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6"}});
    coordinator.post("/v1/clients", &body).await.expect(201);
    id
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").unwrap();
        all
    })
}

#[tokio::test]
async fn names_are_found_as_people_type_them() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let mut ids = Vec::new();
    for (first, last, _) in NAMES {
        ids.push(enter(&coordinator, (first, last)).await);
    }
    let mut missed = Vec::new();
    for ((first, last, typed), id) in NAMES.iter().zip(ids) {
        // Both names in either order, as they are written and with blanks around, find them too.
        let both = [format!("{first} {last}"), format!(" {last}  {first} "), format!("{last}, {first}")];
        for typed in typed.iter().copied().chain(both.iter().map(String::as_str)) {
            let path = format!("/v1/clients?limit=200&name={}", encoded(typed));
            let list = coordinator.get(&path).await.expect(200);
            let found = list["items"].as_array().unwrap();
            if !found.iter().any(|client| client["id"] == id.to_string()) {
                missed.push(format!("{typed:?} for {first} {last}"));
            }
            assert!(found.len() < 20, "{typed:?} finds {} people", found.len());
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    for typed in ["'", "-", " ", "’ -", "%", "_", "zzz", "brien zzz", "\\"] {
        let list = coordinator.get(&format!("/v1/clients?name={}", encoded(typed))).await.expect(200);
        assert_eq!(list["items"], json!([]), "{typed:?}");
    }
}

/// Family and given names in the order in which they are listed.
const ORDERED: [(&str, &str); 22] = [
    ("Aagesen", "Åse"),
    ("Ågren", "Ulla"),
    ("Cote", "Anne"),
    ("Côte", "Anne"),
    ("Coté", "Anne"),
    ("Côté", "Anne"),
    ("Cote", "Zoe"),
    ("D'Angelo", "Ugo"),
    ("de Bruin", "Piet"),
    ("Éber", "Tim"),
    ("Edwards", "Ann"),
    ("Łącki", "Jan"),
    ("Lada", "Eva"),
    ("O'Brien", "Ann"),
    ("OBrien", "Bea"),
    ("O’Brien", "Cy"),
    ("Œdipe", "Léo"),
    ("Oertel", "Ina"),
    ("Saint Jean", "Abe"),
    ("Saint-Jean", "Bob"),
    ("Saintjean", "Cat"),
    ("Zoé", "Ana"),
];

fn names(list: &[Value]) -> Vec<(&str, &str)> {
    list.iter().map(|one| (one["last_name"].as_str().unwrap(), one["first_name"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn lists_sort_as_canadians_expect() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (index, (last, first)) in ORDERED.iter().enumerate().rev() {
        enter(&admin, (first, last)).await;
        let user = json!({"email": format!("sorted{index}@test.ca"), "phone": format!("+1416555{:04}", 7000 + index),
            "first_name": first, "last_name": last, "role": "care_aide"});
        admin.post("/v1/users", &user).await.expect(201);
    }
    for path in ["/v1/clients?limit=200", "/v1/users?limit=200", "/v1/clients?limit=1", "/v1/users?limit=1"] {
        let all = admin.all_pages(path).await;
        let listed = names(&all);
        let ours: Vec<_> = listed.into_iter().filter(|name| ORDERED.contains(name)).collect();
        assert_eq!(ours, ORDERED, "{path}");
    }
}

/// A database may be made with any collation; what is compared must not depend on it.
#[tokio::test]
async fn nothing_of_names_is_compared_by_the_databases_collation() {
    let app = TestApp::new().await;
    let database = app.database.superuser().await;
    let rows = database
        .query_typed(
            "select attrelid::regclass::text from pg_attribute
             where attname = 'sort_name' and attcollation = 'pg_catalog.\"C\"'::regcollation and attnum > 0",
            &[],
        )
        .await
        .unwrap();
    let mut compared: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    compared.retain(|of| !of.ends_with("_by_name"));
    compared.sort();
    assert_eq!(compared, ["clients", "users"]);
    // Letters that only a collation's lower() would know are in the table of the function itself.
    let folded = "select app.searchable('ŁØĐÞÆŒΣЖ') collate \"C\"";
    let row = database.query_typed(folded, &[]).await.unwrap();
    assert_eq!(row[0].get::<_, String>(0), "lodthaeoeσж");
}

#[tokio::test]
async fn the_longest_names_are_stored_listed_and_found() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for letter in ["x", "þ", "😀", "\u{fdfa}", "ΐ", "e\u{301}"] {
        let name: String = letter.chars().cycle().take(100).collect();
        let id = enter(&coordinator, (&name, &name)).await;
        let list = coordinator.get(&format!("/v1/clients?name={}", encoded(letter))).await.expect(200);
        assert!(list["items"].as_array().unwrap().iter().any(|c| c["id"] == id.to_string()), "{letter}");
    }
    assert_eq!(
        coordinator.all_pages("/v1/clients?limit=1").await.len(),
        coordinator.all_pages("/v1/clients?limit=200").await.len()
    );
}
