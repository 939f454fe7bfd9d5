//! What the observer does not need.

use streamgauge_shared::doctor::Finding;

use crate::doctor::inspected::Inspected;

pub(super) fn judge(_: &Inspected) -> Finding {
    Finding::fine(
        "pre_images",
        "not needed: a delete is matched by the key in its documentKey, never by what the row was",
    )
}
