//! Where SQL has a number of the product's limits, it is the same.

use std::{fs, path::Path};

use domain::limits::{PHONES_KEEP_DAYS, SESSION_DAYS};

#[test]
fn sql_that_reads_for_phones_goes_as_far_back_as_they_keep() {
    let code = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/schema/code");
    let mut found = 0;
    for file in ["phone_rows.sql", "pull.sql"] {
        let sql = fs::read_to_string(code.join(file)).unwrap();
        for days in sql.split("interval '").skip(1).filter_map(|rest| rest.split_once(" days'")) {
            assert_eq!(days.0.parse(), Ok(PHONES_KEEP_DAYS), "{file}");
            found += 1;
        }
    }
    assert!(found > 0, "nothing was looked at");
}

#[test]
fn a_session_ends_in_the_database_when_the_product_says() {
    let code = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/schema/code/identity.sql");
    let sql = fs::read_to_string(code).unwrap();
    assert!(sql.contains(&format!("authenticated_at > now() - interval '{SESSION_DAYS} days'")));
}
