//! Whether a user gets the sessions with PostgreSQL that it asks for.

use streamgauge_shared::time::UnixNanos;

use super::ScenarioCount;

/// How a user of a scenario stands with its sessions; it goes from one iteration to the next.
pub(super) struct Sessions<'a> {
    pub(super) count: &'a ScenarioCount,
    /// Its number among this writer's.
    pub(super) user: u32,
    /// It asked for one, got none, and has had none since.
    pub(super) lacks: &'a mut bool,
}

impl Sessions<'_> {
    /// It asked for a session at this moment and got none.
    pub(super) fn missing(&mut self, asked: UnixNanos) {
        *self.lacks = true;
        self.count.session_missing(self.user, asked);
    }

    /// It has a session.
    pub(super) fn found(&mut self, now: UnixNanos) {
        if std::mem::take(self.lacks) {
            self.count.session_found(self.user, now);
        }
    }
}
