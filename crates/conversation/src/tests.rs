//! Two and more parties against each other in one process (protocol-spec/05-conversation): no sockets, no files. Each
//! member is written to a map and loaded again after every operation.

mod commits;
mod damage;
mod further;
mod joining;
mod messages;
mod repeated;
mod rogue;
mod roles;
mod staged;
mod stolen;
mod storage;
mod world;
