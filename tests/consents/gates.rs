//! Each consent gates what it names, whichever way it comes: kind by path, while it is given, withdrawn, given again.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{
        Answer, Client, TestApp, begin_as_job, files,
        fixtures::{
            AGENCY_A, AIDES_VISIT, ALMA, BERNARD, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, OTHER_NURSES_VISIT,
            consent,
        },
    },
    photos::requests::declared,
};

/// What writes something about Alma.
#[derive(Clone, Copy, Debug)]
enum Write {
    Task,
    TaskChange,
    Notes,
    VisitWithNotes,
    CarePlan,
    Picture,
    Profile,
    Signature,
    Document,
    Caption,
    PushedTask,
    PushedTaskChange,
    PushedNotes,
    PushedVisitWithNotes,
    PushedPicture,
    PushedSignature,
    PushedCaption,
    // What safety needs, and what is no charting.
    Alert,
    PushedAlert,
    Visit,
    Address,
    TaskRemoval,
}
use Write::{
    Address, Alert, Caption, CarePlan, Document, Notes, Picture, Profile, PushedAlert, PushedCaption, PushedNotes,
    PushedPicture, PushedSignature, PushedTask, PushedTaskChange, PushedVisitWithNotes, Signature, Task, TaskChange,
    TaskRemoval, Visit, VisitWithNotes,
};

/// The write, and whether it needs the consent to charting and to photos.
const NEEDS: [(Write, bool, bool); 22] = [
    (Task, true, false),
    (TaskChange, true, false),
    (Notes, true, false),
    (VisitWithNotes, true, false),
    (CarePlan, true, false),
    (Picture, true, true),
    (Profile, true, true),
    (Signature, true, false),
    (Document, true, false),
    (Caption, true, false),
    (PushedTask, true, false),
    (PushedTaskChange, true, false),
    (PushedNotes, true, false),
    (PushedVisitWithNotes, true, false),
    (PushedPicture, true, true),
    (PushedSignature, true, false),
    (PushedCaption, true, false),
    (Alert, false, false),
    (PushedAlert, false, false),
    (Visit, false, false),
    (Address, false, false),
    (TaskRemoval, false, false),
];

struct Stage {
    app: TestApp,
    nurse: Client,
    coordinator: Client,
    photo: Uuid,
    /// Each write says something new.
    turn: u32,
}

impl Stage {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
        let at = json!({"at": Timestamp::now()});
        nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &at).await.expect(200);
        let photo = Uuid::now_v7();
        nurse.post("/v1/photos", &photo_of("photo", ("client_id", ALMA), photo)).await.expect(201);
        Self { app, nurse, coordinator, photo, turn: 0 }
    }

    async fn record(&self, kind: &str, granted: bool) {
        let path = format!("/v1/clients/{ALMA}/consents");
        self.coordinator.post(&path, &consent(kind, granted)).await.expect(201);
    }

    /// Tries it; whether it was taken. A refusal says why, and is kept.
    async fn attempt(&mut self, write: Write) -> bool {
        self.turn += 1;
        let words = format!("Words {}", self.turn);
        let (nurse, coordinator, id) = (&self.nurse, &self.coordinator, Uuid::now_v7());
        let visit = format!("/v1/visits/{NURSES_VISIT}");
        let planned = |notes: Value| {
            let start = Timestamp::now() + jiff::SignedDuration::from_hours(48 + i64::from(self.turn));
            json!({"id": id, "client_id": ALMA, "user_id": NURSE.id, "scheduled_start": start,
                "scheduled_end": start + jiff::SignedDuration::from_mins(30), "notes": notes})
        };
        let photo = |kind, owner| photo_of(kind, owner, id);
        match write {
            Task => {
                let task = json!({"id": id, "task_type": "meals", "title": words});
                by_rest(&nurse.post(&format!("{visit}/tasks"), &task).await)
            }
            TaskChange => {
                by_rest(&nurse.patch(&format!("{visit}/tasks/{NURSES_MEALS}"), &json!({"outcome": words})).await)
            }
            Notes => by_rest(&nurse.patch(&visit, &json!({"notes": words})).await),
            VisitWithNotes => by_rest(&coordinator.post("/v1/visits", &planned(json!(words))).await),
            Visit => by_rest(&coordinator.post("/v1/visits", &planned(Value::Null)).await),
            CarePlan => {
                let plan = json!({"summary": words});
                by_rest(&coordinator.put(&format!("/v1/clients/{ALMA}/care-plan"), &plan).await)
            }
            Picture => by_rest(&nurse.post("/v1/photos", &photo("photo", ("visit_id", NURSES_VISIT))).await),
            Profile => by_rest(&nurse.post("/v1/photos", &photo("profile", ("client_id", ALMA))).await),
            Signature => by_rest(&nurse.post("/v1/photos", &photo("signature", ("visit_id", NURSES_VISIT))).await),
            Document => by_rest(&nurse.post("/v1/photos", &photo("document", ("client_id", ALMA))).await),
            Caption => by_rest(&nurse.patch(&format!("/v1/photos/{}", self.photo), &json!({"caption": words})).await),
            Alert => {
                let alert = json!({"id": id, "client_id": ALMA, "severity": "low", "reason": words});
                by_rest(&coordinator.post("/v1/alerts", &alert).await)
            }
            Address => by_rest(&coordinator.patch(&format!("/v1/clients/{ALMA}"), &json!({"risks": [words]})).await),
            TaskRemoval => {
                let row = format!(
                    "insert into visit_tasks (id, agency_id, visit_id, client_id, task_type, title)
                     values ('{id}', '{AGENCY_A}', '{AIDES_VISIT}', '{ALMA}', 'meals', 'Lunch')"
                );
                let owner = self.app.database.superuser().await;
                owner.batch_execute("alter table visit_tasks disable trigger require_consent").await.unwrap();
                self.app.database.write(AGENCY_A, &row).await;
                owner.batch_execute("alter table visit_tasks enable trigger require_consent").await.unwrap();
                let removed = coordinator.delete(&format!("/v1/visits/{AIDES_VISIT}/tasks/{id}")).await;
                by_rest(&removed)
            }
            PushedTask => {
                let row = json!({"visit_id": NURSES_VISIT, "task_type": "meals", "title": words, "completed": false});
                self.by_sync("visit_tasks", id, row, "").await
            }
            PushedTaskChange => self.by_sync("visit_tasks", NURSES_VITALS, json!({"outcome": words}), "outcome").await,
            PushedNotes => self.by_sync("visits", NURSES_VISIT, json!({"notes": words}), "notes").await,
            PushedVisitWithNotes => {
                let start = Timestamp::now().as_millisecond() + i64::from(self.turn) * 3_600_000;
                let row = json!({"client_id": ALMA, "user_id": NURSE.id, "scheduled_start": start,
                    "scheduled_end": start + 1_800_000, "status": "scheduled", "notes": words});
                // The visit itself is planned; what it says is not taken.
                let taken = self.by_sync("visits", id, row, "").await;
                let there = format!("select count(*) from visits where id = '{id}'");
                assert_eq!(self.app.database.count(&there).await, 1);
                taken
            }
            PushedPicture => self.by_sync("photos", id, photo("photo", ("visit_id", NURSES_VISIT)), "").await,
            PushedSignature => self.by_sync("photos", id, photo("signature", ("visit_id", NURSES_VISIT)), "").await,
            PushedCaption => self.by_sync("photos", self.photo, json!({"caption": words}), "caption").await,
            PushedAlert => {
                let row = json!({"client_id": ALMA, "severity": "low", "reason": words});
                self.by_sync("alerts", id, row, "").await
            }
        }
    }

    /// Pushes a new record, or a change of these columns, beside a task of the aide's visit that nothing is wrong with.
    async fn by_sync(&self, table: &str, id: Uuid, mut row: Value, columns: &str) -> bool {
        let list = if columns.is_empty() { "created" } else { "updated" };
        row["id"] = json!(id);
        row["_status"] = json!(list);
        row["_changed"] = json!(columns);
        let alert = json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "client_id": ALMA,
            "severity": "low", "reason": "beside it"});
        let mut pushed = json!({"alerts": {"created": [alert], "updated": [], "deleted": []}});
        if table == "alerts" {
            pushed["alerts"]["created"].as_array_mut().unwrap().push(row);
        } else {
            pushed[table] = json!({"created": [], "updated": [], "deleted": []});
            pushed[table][list] = json!([row]);
        }
        let answer = self.nurse.post("/v1/sync", &json!({"changes": pushed})).await.expect(200);
        let rejected = answer["rejected"].as_array().unwrap();
        assert!(answer["applied"].as_u64().unwrap() >= 1, "nothing else is blocked: {answer}");
        for refused in rejected {
            assert_eq!(refused["id"], json!(id), "{answer}");
            assert!(refused["reason"].as_str().unwrap().contains("has withdrawn the consent"), "{answer}");
            let kept =
                format!("select count(*) from sync_quarantine where record_id = '{id}' and reason like '%consent%'");
            assert!(self.app.database.count(&kept).await > 0, "{table} {id}");
        }
        rejected.is_empty()
    }
}

fn photo_of(kind: &str, owner: (&str, Uuid), id: Uuid) -> Value {
    let file = if kind == "document" { b"%PDF-1.7".to_vec() } else { files::jpeg(8, 6, 1) };
    let content_type = match kind {
        "document" => "application/pdf",
        "signature" => "image/png",
        _ => "image/jpeg",
    };
    let mut photo = declared(id, owner, kind, content_type, &file);
    photo["shared_with_family"] = json!(false);
    photo
}

fn by_rest(answer: &Answer) -> bool {
    if answer.status == 409 {
        assert_eq!(answer.problem(409), "consent-withdrawn");
        assert!(answer.json()["detail"].as_str().unwrap().contains("has withdrawn the consent"));
        return false;
    }
    assert!((200..300).contains(&answer.status), "{answer:?}");
    true
}

/// All writes, while the consent of `kind` stands so.
async fn all_writes(kind: &str, gates: impl Fn(&(Write, bool, bool)) -> bool) {
    let mut stage = Stage::new().await;
    let room = "alter table alerts disable trigger user; update alerts set created_at = now() - interval '2 hours';
        alter table alerts enable trigger user";
    for granted in [None, Some(true), Some(false), Some(true)] {
        if let Some(granted) = granted {
            stage.record(kind, granted).await;
        }
        for case in &NEEDS {
            let withdrawn = granted == Some(false) && gates(case);
            assert_eq!(stage.attempt(case.0).await, !withdrawn, "{:?}, {kind} given: {granted:?}", case.0);
        }
        // These are more alerts than a person could mean.
        stage.app.database.superuser().await.batch_execute(room).await.unwrap();
    }
}

#[tokio::test]
async fn without_the_consent_to_charting_nothing_new_is_charted_and_nothing_else_is_refused() {
    all_writes("data_collection", |case| case.1).await;
}

#[tokio::test]
async fn without_the_consent_to_photos_no_new_ones_are_taken_and_nothing_else_is_refused() {
    all_writes("photos", |case| case.2).await;
}

#[tokio::test]
async fn the_consents_of_families_gate_no_charting() {
    for kind in ["family_sharing", "sms"] {
        all_writes(kind, |_| false).await;
    }
}

#[tokio::test]
async fn check_in_and_check_out_need_no_consent_and_go_through_without_the_notes_beside_them() {
    let stage = Stage::new().await;
    stage.record("data_collection", false).await;
    let at = json!({"at": Timestamp::now()});
    stage.nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-out"), &at).await.expect(200);

    let aide = stage.app.aide().await;
    let now = Timestamp::now().as_millisecond();
    let visit = json!({"id": AIDES_VISIT, "_status": "updated", "_changed": "actual_start,actual_end,status,notes",
        "actual_start": now - 60_000, "actual_end": now, "status": "completed", "notes": "She ate well"});
    let push = json!({"changes": {"visits": {"created": [], "updated": [visit], "deleted": []}}});
    let stored = format!("select status::text, notes from visits where id = '{AIDES_VISIT}'");
    let database = stage.app.database.superuser().await;
    for (applied, unchanged) in [(1, 0), (0, 0)] {
        let answer = aide.post("/v1/sync", &push).await.expect(200);
        assert_eq!((&answer["applied"], &answer["unchanged"]), (&json!(applied), &json!(unchanged)), "{answer}");
        assert_eq!(answer["experimentalRejectedIds"], json!({"visits": [AIDES_VISIT]}), "it stays on the phone");
        let row = &database.query_typed(&stored, &[]).await.unwrap()[0];
        assert_eq!((row.get::<_, &str>(0), row.get::<_, Option<&str>>(1)), ("completed", None));
        assert_eq!(stage.app.database.count("select count(*) from sync_quarantine").await, 1, "kept once");
    }
    // Given again, the phone's next push brings what it kept.
    stage.record("data_collection", true).await;
    let answer = aide.post("/v1/sync", &push).await.expect(200);
    assert_eq!((&answer["applied"], &answer["rejected"]), (&json!(1), &json!([])));
    let row = &database.query_typed(&stored, &[]).await.unwrap()[0];
    assert_eq!(row.get::<_, Option<&str>>(1), Some("She ate well"));
}

#[tokio::test]
async fn the_database_refuses_what_a_withdrawn_consent_gates_whoever_writes() {
    let stage = Stage::new().await;
    let number = format!("select change_number from clients where id = '{ALMA}'");
    let before = stage.app.database.count(&number).await;
    stage.record("data_collection", false).await;
    // And what a push decided on before is decided anew.
    assert!(stage.app.database.count(&number).await > before);
    for (sql, rule) in [
        (
            format!(
                "insert into visit_tasks (id, agency_id, visit_id, client_id, task_type, title)
                 values (gen_random_uuid(), '{AGENCY_A}', '{NURSES_VISIT}', '{ALMA}', 'meals', 'Lunch')"
            ),
            "data_collection_withdrawn",
        ),
        (format!("update visit_tasks set outcome = 'O' where id = '{NURSES_MEALS}'"), "data_collection_withdrawn"),
        (format!("update visits set notes = 'N' where id = '{NURSES_VISIT}'"), "data_collection_withdrawn"),
    ] {
        let owner = stage.app.database.superuser().await;
        let refused = owner.batch_execute(&format!("{}; {sql}", begin_as_job(AGENCY_A))).await.unwrap_err();
        assert_eq!(refused.as_db_error().unwrap().constraint(), Some(rule), "{sql}");
    }
}

#[tokio::test]
async fn a_familys_view_needs_the_consent_to_sharing_at_that_moment() {
    let stage = Stage::new().await;
    let family = stage.app.family().await;
    for (granted, status) in [(true, 200), (false, 404), (true, 200)] {
        stage.record("family_sharing", granted).await;
        assert_eq!(family.get(&format!("/v1/family/clients/{ALMA}")).await.status, status);
        let listed = family.get("/v1/family/clients").await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), usize::from(granted));
    }
}

#[tokio::test]
async fn where_no_consent_was_recorded_charting_goes_on_and_coordinators_are_told() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let nurse = app.sign_in(&crate::harness::fixtures::OTHER_NURSE).await;
    let task = json!({"id": Uuid::now_v7(), "task_type": "meals", "title": "Soup"});
    nurse.post(&format!("/v1/visits/{OTHER_NURSES_VISIT}/tasks"), &task).await.expect(201);
    let states = async |id: Uuid| {
        let client = coordinator.get(&format!("/v1/clients/{id}")).await.expect(200);
        [client["data_collection_consent"].clone(), client["photos_consent"].clone()]
    };
    assert_eq!(states(BERNARD).await, ["not_recorded", "not_recorded"]);
    assert_eq!(states(ALMA).await, ["given", "not_recorded"]);
    let listed = async |state: &str| {
        let page = coordinator.get(&format!("/v1/clients?data_collection_consent={state}")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|client| client["first_name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(listed("not_recorded").await, ["Bernard", "Chloé"]);
    let path = format!("/v1/clients/{BERNARD}/consents");
    for (granted, state) in [(true, "given"), (false, "withdrawn")] {
        coordinator.post(&path, &consent("data_collection", granted)).await.expect(201);
        assert_eq!(states(BERNARD).await, [state, "not_recorded"]);
    }
    assert_eq!(listed("withdrawn").await, ["Bernard"]);
    assert_eq!(listed("given").await, ["Alma"]);
}
