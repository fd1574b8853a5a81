//! Faults that a test plans (protocol-spec/07-delivery, section 10): the n-th commit of one table does not go as it should.
//!
//! A plan is for a folder, so that it reaches a table which its owner opens deep inside. It is compiled for tests alone.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Batch, Table, TableError};

type Plans = HashMap<PathBuf, Arc<Mutex<State>>>;

static PLANS: Mutex<Option<Plans>> = Mutex::new(None);

/// What happens to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full for it: nothing is changed, and the table goes on.
    Full,
    /// The sync fails, or the process ends just before: nothing of the batch is there afterwards, and the table refuses
    /// everything until it is opened again.
    Before,
    /// The sync fails after all, or the process ends just behind it: the batch is there afterwards, and nobody was told.
    After,
}

#[derive(Debug)]
struct State {
    fault: Fault,
    nth: u64,
    commits: u64,
}

/// A planned fault. It is lifted when this is dropped.
#[derive(Debug)]
pub struct Plan {
    dir: PathBuf,
    state: Arc<Mutex<State>>,
}

/// Plans a fault for the `nth` commit from now on, from 1, of the table in `dir`.
#[must_use]
pub fn plan(dir: &Path, fault: Fault, nth: u64) -> Plan {
    let state = Arc::new(Mutex::new(State { fault, nth, commits: 0 }));
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    plans.get_or_insert_default().insert(dir.to_owned(), Arc::clone(&state));
    Plan { dir: dir.to_owned(), state }
}

impl Plan {
    /// Whether it has happened.
    #[must_use]
    pub fn met(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.commits >= state.nth
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get_or_insert_default().remove(&self.dir);
    }
}

impl Table {
    /// Gives the batch back to be carried out, unless its turn has come.
    pub(super) fn meet_fault(&self, batch: Batch) -> Result<Batch, TableError> {
        let planned = {
            let plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
            plans.as_ref().and_then(|plans| plans.get(&self.dir).cloned())
        };
        let Some(state) = planned else { return Ok(batch) };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.commits += 1;
        if state.commits != state.nth {
            return Ok(batch);
        }
        match state.fault {
            Fault::Full => return Err(TableError::Full),
            Fault::Before => {}
            Fault::After => self.carry_out(batch)?,
        }
        self.engine.fail();
        Err(TableError::Fatal)
    }
}
