//! What a screen wants done: asked of the engine, run by the toolkit, or left to whoever holds the screen. An `update` does
//! none of it.

use amanat_client::{Command, Failure, Reply};
use iced::Task;

use crate::backend::Backend;

/// What came of a command.
pub type Answer = Result<Reply, Failure>;

/// A wish of a screen, whose messages are `M`; what it asks of its parent is `A`.
pub enum Wish<M, A> {
    /// Ask the engine.
    Ask(Command, Box<dyn FnOnce(Answer) -> M + Send>),
    /// Scroll, give the keyboard to a field.
    Run(Task<M>),
    /// The parent's to do.
    Parent(A),
}

impl<M, A> Wish<M, A> {
    /// Asks the engine.
    pub fn ask(command: Command, then: impl FnOnce(Answer) -> M + Send + 'static) -> Self {
        Self::Ask(command, Box::new(then))
    }
}

/// Carries out what can be carried out here, and returns what is the parent's.
pub fn carry_out<M: Send + 'static, A, P: Send + 'static>(
    wishes: Vec<Wish<M, A>>,
    backend: &dyn Backend,
    wrap: impl Fn(M) -> P + Clone + Send + 'static,
) -> (Task<P>, Vec<A>) {
    let (mut tasks, mut left) = (Vec::new(), Vec::new());
    for wish in wishes {
        match wish {
            Wish::Ask(command, then) => {
                let wrap = wrap.clone();
                tasks.push(Task::perform(backend.ask(command), move |answer| wrap(then(answer))));
            }
            Wish::Run(task) => tasks.push(task.map(wrap.clone())),
            Wish::Parent(action) => left.push(action),
        }
    }
    (Task::batch(tasks), left)
}
