//! How far a writer's records are here, whichever of its connections brought them.

use streamgauge_shared::ledger::ToObserver;

use super::SessionError;

/// What a writer's sessions share: it may reconnect while the old connection is still half open.
#[derive(Debug, Default)]
pub struct Slot {
    /// The first record that is not here.
    pub next_record: u64,
    /// The number of the connection that counts.
    pub generation: u64,
}

impl Slot {
    /// Whether a message is new. A record that came before is dropped, and so is what an older connection brings.
    ///
    /// # Errors
    /// [`SessionError::Gap`] for a record after a missing one: the session ends, and the writer sends again.
    pub fn accept(&mut self, message: &ToObserver, generation: u64) -> Result<bool, SessionError> {
        if self.generation != generation {
            return Ok(false);
        }
        let ToObserver::Record { number, .. } = message else { return Ok(true) };
        if *number > self.next_record {
            return Err(SessionError::Gap { found: *number, expected: self.next_record });
        }
        let new = *number == self.next_record;
        self.next_record += u64::from(new);
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::ledger::Record;

    use super::*;

    #[test]
    fn a_record_is_taken_once_and_in_order() {
        let record = |number| ToObserver::Record { number, record: Record::Prepared };
        let mut slot = Slot { next_record: 5, generation: 2 };
        assert!(!slot.accept(&record(4), 2).expect("sent again"));
        assert!(slot.accept(&record(5), 2).expect("the next one"));
        assert!(!slot.accept(&record(6), 1).expect("of a connection that was replaced"));
        assert!(matches!(slot.accept(&record(7), 2), Err(SessionError::Gap { found: 7, expected: 6 })));
        assert_eq!(slot.next_record, 6);
    }
}
