//! The numbers that are rules of the product: how late is late, how far is far, how long something is good for, how
//! much is too much. What only tunes the machine (sizes of batches, time limits of clients) stands where it is used.

use jiff::SignedDuration;

/// The beginning of the year 2200, in milliseconds: later is a mistake, and dates reckoned from it must still be dates.
pub const LATEST_MS: i64 = 7_258_118_400_000;

/// No visit is longer than this; live-in care is planned in several.
pub const LONGEST_VISIT: SignedDuration = SignedDuration::from_hours(24);
/// Farther from the client's home than this, in metres, a check-in is flagged. It is never refused: care comes first.
pub const FAR_FROM_HOME_M: f64 = 200.0;
/// A place less certain than this, in metres, is a mistake.
pub const LEAST_ACCURACY_M: f64 = 1_000_000.0;
/// A phone's clock ahead of ours by more than this is flagged.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// A time that reaches us later than this, or by a clock that is so far behind, is flagged.
pub const BACKDATED_AFTER: SignedDuration = SignedDuration::from_mins(24 * 60 - 5);

/// So long after the check-out caregivers may change what they charted; then they only add.
pub const CHART_OPEN_FOR: SignedDuration = SignedDuration::from_hours(24);

/// So long after its planned start a visit that nobody checked in to is late.
pub const LATE_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// So long after it, it counts as missed.
pub const MISSED_AFTER: SignedDuration = SignedDuration::from_mins(60);
/// So long a phone that still has something to send is waited for: there are phones that never get rid of something.
pub const STILL_SENDING_FOR: SignedDuration = SignedDuration::from_mins(30);
/// A phone that was heard of within this is in touch.
pub const IN_TOUCH_FOR: SignedDuration = SignedDuration::from_mins(5);
/// So long a message about a late visit still helps anybody.
pub const LATE_IS_NEWS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many people are called about an alert, one after the other.
pub const CALLS: i32 = 2;
/// How often everybody is told then, before the alert counts as unanswered: for half an hour.
pub const ROUNDS: i32 = 6;
/// How long a call may go on without news of it. It rings for 25 seconds, and a key is waited for 10.
pub const CALL_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);
/// From one round to the next.
pub const ROUND_TIMEOUT: SignedDuration = SignedDuration::from_mins(5);

/// How many alerts a person may raise within [`ALERT_WINDOW`]: more than one who cares for people can mean.
pub const ALERTS_PER_WINDOW: usize = 20;
/// The time in which a person's alerts are counted. The same stands in `app.own_recent_alerts`.
pub const ALERT_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// So long after a caregiver's access to a client ended, what their phone did before is taken. The same stands in
/// `app.is_work_still_taken`.
pub const WORK_TAKEN_AFTER_ACCESS_ENDED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How many records a push may hold: more than fits into what Lambda takes, as rows.
pub const PUSHED_RECORDS: usize = 20_000;
/// How large an app should let one push become, in bytes: Lambda takes 6 MB, in which the body stands as a text, with
/// each of its quotes escaped.
pub const PUSH_PART_BYTES: usize = 3_000_000;
/// Rows that a pull reads at once: what fills a page of the shortest rows.
pub const PULLED_ROWS: i64 = 25_000;
/// What is older, in days, phones have pruned.
pub const PHONES_KEEP_DAYS: u32 = 90;

/// The largest body of most paths, in bytes: no form of ours comes near it.
pub const BODY_BYTES: usize = 64 << 10;
/// How many faults a refusal names.
pub const FAULTS_TOLD: usize = 50;
/// The longest pointer or name that a refusal repeats, in characters.
pub const POINTER_TOLD: usize = 200;
/// The largest body that Lambda takes: a day's work of a phone that was long away.
pub const LARGE_BODY_BYTES: usize = 6 << 20;
/// How many faults of a body are looked for: a hostile one has thousands, each of which takes memory.
pub const FAULTS_SOUGHT: usize = 1_000;
/// How many tables a push may name, and how many lists a table: an app has a handful.
pub const PUSHED_LISTS: usize = 100;
/// The largest form of a webhook: Twilio's have some kilobytes.
pub const FORM_BYTES: usize = 64 << 10;
/// How many items a page of a list holds by default.
pub const PAGE_ITEMS: i64 = 50;

const MEGABYTE: i64 = 1 << 20;
/// The largest picture that may be uploaded, in bytes.
pub const PICTURE_BYTES: i64 = 15 * MEGABYTE;
/// The largest document that may be uploaded, in bytes.
pub const DOCUMENT_BYTES: i64 = 25 * MEGABYTE;
/// How many days an upload may take.
pub const UPLOAD_DAYS: i64 = 7;

/// How long an access token is good for.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;
/// How long a refresh token is good for after its last use.
pub const REFRESH_TOKEN_SECONDS: i64 = 7 * 24 * 60 * 60;
/// For how long a used refresh token is taken again whose answer was lost: a request's time limit on a phone, and a
/// second attempt.
pub const REFRESH_GRACE_MS: i64 = 120_000;
/// How many days after the password was last given a session ends.
pub const SESSION_DAYS: i64 = 30;
/// How long after the password was given an account may be moved and data taken out.
pub const STEP_UP_SECONDS: i64 = 10 * 60;
/// How long an invitation is good for.
pub const INVITATION_SECONDS: i64 = 7 * 24 * 60 * 60;
/// How long a code that confirms a new number is good for.
pub const PHONE_CODE_SECONDS: i64 = 24 * 60 * 60;
/// How long a code for a new password is good for.
pub const FORGOT_SECONDS: i64 = 15 * 60;

/// How many hours a request about somebody's data may take: 30 days.
pub const REQUEST_HOURS: i64 = 30 * 24;
/// How many it may take where there is a reason to extend it.
pub const EXTENDED_REQUEST_HOURS: i64 = 60 * 24;
/// By how many hours after a breach was found its risk is to be assessed, and who must be told is to be told. The law
/// says "as soon as feasible"; this is when somebody is reminded.
pub const INCIDENT_HOURS: i64 = 72;
/// So long before a request is due its agency's admins are reminded.
pub const REQUEST_REMINDER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// So long before an incident is.
pub const INCIDENT_REMINDER: SignedDuration = SignedDuration::from_hours(24);
