use domain::sync::base::WorkBase;
use postgres_from_row::FromRow;

/// A device's [`WorkBase`] as its row has it.
#[derive(FromRow)]
pub(super) struct BaseRow {
    pulled_from: Option<i64>,
    pulled_to: Option<i64>,
    pulled_clean: bool,
    clean_at: Option<i64>,
    began: Option<i64>,
    withheld_from: Option<i64>,
    full_sync_cursor: Option<i64>,
}

impl From<BaseRow> for WorkBase {
    fn from(row: BaseRow) -> Self {
        let BaseRow { pulled_from, pulled_to, pulled_clean, clean_at, began, withheld_from, full_sync_cursor } = row;
        Self { pulled_from, pulled_to, pulled_clean, clean_at, began, withheld_from, full_sync_cursor }
    }
}
