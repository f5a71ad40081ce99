//! How time passes for what is kept for a while: rows grow older, as the database's clock can't be moved.

use jiff::Timestamp;

use super::TestApp;

impl TestApp {
    /// Makes the log of changes this many days older, and what is remembered of it.
    pub async fn age_changes(&self, days: u32) {
        let age = format!(
            "set session_replication_role = replica;
             update sync_log set synced_at = synced_at - interval '{days} days';
             update partitions.counter_readings set at = at - interval '{days} days'"
        );
        self.database.superuser().await.batch_execute(&age).await.unwrap();
    }

    /// Runs the daily clean-up twice, the second time when what the first has announced may go. Answers how many
    /// partitions went.
    pub async fn forget_at(&self, now: Timestamp) -> u64 {
        let jobs = self.jobs();
        let first = jobs.at("clean-up", now).await.report.counts["partitions_forgotten"];
        let hour = "update partitions.forgotten set announced_at = announced_at - interval '61 minutes'";
        self.database.superuser().await.batch_execute(hour).await.unwrap();
        first + jobs.at("clean-up", now).await.report.counts["partitions_forgotten"]
    }
}
