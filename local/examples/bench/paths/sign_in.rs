//! Sign-in: its time, and the CPU time that Argon2 takes of it.

use crate::{
    bare,
    budget::Budget,
    function::Function,
    internals::Fatal,
    measure::{Path, calls_of, measure},
    node,
    report::{Fact, Report},
    requests::sign_in,
    sets::{self, Nurse, PASSWORD},
    stack::Stack,
};
use tokio_postgres::Client;

const NAME: &str = "sign-in";
const SIGN_INS: usize = 60;

/// Signs nurses in, each once: the limit for each account is not what is measured.
pub async fn sign_ins(stack: &Stack, report: &mut Report, agency_id: uuid::Uuid) -> Result<(), Fatal> {
    if !stack.options.wants(NAME) {
        return Ok(());
    }
    let nurses: Vec<Nurse> = sets::nurses(&stack.admin, agency_id, calls_of(stack, SIGN_INS)).await?;
    let (mut turn, mut bare_turn) = (nurses.iter(), nurses.iter().cycle());
    let call = async |auth: &Function| {
        let nurse = turn.next().ok_or("no nurse is left")?;
        Ok(sign_in(auth, &nurse.email, PASSWORD).await?.0)
    };
    let bare_sign_in = async |client: &Client| {
        let nurse = bare_turn.next().ok_or("no nurse")?;
        bare::sign_in(client, nurse).await
    };
    let path = Path { budget: Budget::None, ..Path::new(NAME, "auth", SIGN_INS, 0.0) };
    measure(stack, report, path, call, bare_sign_in).await?;
    let Some(cpu) = report.line(NAME).map(|line| line.cpu.0) else { return Ok(()) };
    let node = node::argon2_cpu();
    let budget = node.map_or(Budget::None, |node| Budget::AtMost(node.0));
    report.state(Fact {
        what: "CPU time of a sign-in, beside Node's Argon2 binding".into(),
        figure: cpu,
        unit: "ms".into(),
        bare: node.map(|node| node.0),
        verdict: budget.verdict(cpu, None),
        budget,
        more_is_worse: true,
    });
    Ok(())
}
