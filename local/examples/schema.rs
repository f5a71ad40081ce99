//! Prints the database as one page: `make schema`. Tables as a migrated database has them, functions by file.

use std::env;

use local::prepare;
use runtime::lambda::Fatal;
use schema::CODE;
use tokio_postgres::Config;

const DATABASE: &str = "schema_page";
const TABLES: &str = include_str!("schema.sql");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let admin: Config = env::var("DATABASE_ADMIN_URL")?.parse()?;
    prepare::database(&admin, DATABASE).await?;
    let page = prepare::connect(admin.clone().dbname(DATABASE)).await?.query_typed(TABLES, &[]).await;
    let drop = format!("drop database {DATABASE} with (force)");
    prepare::connect(&admin).await?.batch_execute(&drop).await?;

    println!("# Tables\n");
    for row in page? {
        println!("{}\n", row.get::<_, &str>(0));
    }
    println!("# Functions\n");
    for file in CODE.iter().filter(|file| file.name.starts_with("code/")) {
        println!("## {}\n", file.name);
        for (comment, signature) in functions(file.sql) {
            println!("    {signature}");
            for line in comment {
                println!("        {line}");
            }
        }
        println!();
    }
    Ok(())
}

/// The functions of a file, each with the comment above it.
fn functions(sql: &str) -> Vec<(Vec<&str>, String)> {
    let (mut found, mut comment) = (Vec::new(), Vec::new());
    let mut lines = sql.lines();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("-- ") {
            comment.push(text);
            continue;
        }
        if let Some(first) = line.strip_prefix("create or replace function ") {
            let mut signature = first.to_owned();
            while !signature.contains(" language ") {
                let Some(next) = lines.next() else { break };
                signature.push(' ');
                signature.push_str(next.trim());
            }
            let end = signature.find(" language ").unwrap_or(signature.len());
            let signature = signature[..end].replace("( ", "(").replace(" )", ")");
            found.push((std::mem::take(&mut comment), signature));
        }
        comment.clear();
    }
    found
}
