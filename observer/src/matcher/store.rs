//! Where the open entries are kept, and how they are found by writer and sequence.

use super::Entry;
use super::window::{Knows, Window};

/// Names an operation: writer and sequence. A row belongs to one writer, so the order of sequences is the order of its
/// operations.
pub(super) type Id = (u16, u64);

/// Entries of one block. Blocks are never moved: a store that grows does not copy what it holds.
const BLOCK: usize = 1_024;

/// The place of an entry, as queues keep it: it is of no use once the entry has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    place: u32,
    generation: u32,
}

/// An entry with what the matcher needs to know of it besides.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: Id,
    /// Whether it is counted as past its deadline.
    pub(super) overdue: bool,
    pub(super) entry: Entry,
}

#[derive(Debug, Default)]
struct Cell {
    generation: u32,
    held: Option<Held>,
}

/// All open entries of a run.
pub(super) struct Store {
    windows: Vec<Window>,
    blocks: Vec<Vec<Cell>>,
    free: Vec<u32>,
    held: usize,
}

impl Store {
    pub(super) fn new(writers: u16) -> Self {
        Self {
            windows: (0..writers).map(|_| Window::default()).collect(),
            blocks: Vec::new(),
            free: Vec::new(),
            held: 0,
        }
    }

    pub(super) fn window(&self, writer: u16) -> Option<&Window> {
        self.windows.get(usize::from(writer))
    }

    pub(super) fn window_mut(&mut self, writer: u16) -> Option<&mut Window> {
        self.windows.get_mut(usize::from(writer))
    }

    pub(super) fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// What is known of an operation; nothing if there is no such writer.
    pub(super) fn knows(&self, (writer, sequence): Id) -> Option<Knows> {
        Some(self.window(writer)?.knows(sequence))
    }

    fn place(&self, (writer, sequence): Id) -> Option<u32> {
        self.window(writer)?.place(sequence)
    }

    fn cell(&self, place: u32) -> &Cell {
        let place = place as usize;
        &self.blocks[place / BLOCK][place % BLOCK]
    }

    fn cell_mut(&mut self, place: u32) -> &mut Cell {
        let place = place as usize;
        &mut self.blocks[place / BLOCK][place % BLOCK]
    }

    pub(super) fn get(&self, id: Id) -> Option<&Entry> {
        self.cell(self.place(id)?).held.as_ref().map(|held| &held.entry)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Entry> {
        self.held_mut(id).map(|held| &mut held.entry)
    }

    pub(super) fn held_mut(&mut self, id: Id) -> Option<&mut Held> {
        let place = self.place(id)?;
        self.cell_mut(place).held.as_mut()
    }

    pub(super) fn ticket(&self, id: Id) -> Option<Ticket> {
        let place = self.place(id)?;
        Some(Ticket { place, generation: self.cell(place).generation })
    }

    /// What a ticket stands for, unless it has left.
    pub(super) fn at(&self, ticket: Ticket) -> Option<&Held> {
        let cell = self.cell(ticket.place);
        if cell.generation == ticket.generation { cell.held.as_ref() } else { None }
    }

    pub(super) fn at_mut(&mut self, ticket: Ticket) -> Option<&mut Held> {
        let cell = self.cell_mut(ticket.place);
        if cell.generation == ticket.generation { cell.held.as_mut() } else { None }
    }

    /// The entry of a sequence whose record was missing, of a writer that the run has.
    pub(super) fn open(&mut self, id: Id, entry: Entry) -> Option<Ticket> {
        let phase = entry.phase;
        let place = self.free_place();
        let window = self.windows.get_mut(usize::from(id.0))?;
        window.open(id.1, phase, place);
        let cell = self.cell_mut(place);
        cell.held = Some(Held { id, overdue: false, entry });
        let generation = cell.generation;
        self.held += 1;
        Some(Ticket { place, generation })
    }

    fn free_place(&mut self) -> u32 {
        if let Some(place) = self.free.pop() {
            return place;
        }
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let before = (self.blocks.len() - 1) * BLOCK;
        let block = self.blocks.last_mut().expect("pushed above");
        block.push(Cell::default());
        u32::try_from(before + block.len() - 1).expect("memory ends before four thousand million entries")
    }

    /// An entry leaves. `refused`: because PostgreSQL does not hold it.
    pub(super) fn leave(&mut self, id: Id, refused: bool) -> Option<Held> {
        let place = self.place(id)?;
        let cell = self.cell_mut(place);
        let held = cell.held.take()?;
        cell.generation = cell.generation.wrapping_add(1);
        self.free.push(place);
        self.held -= 1;
        self.windows[usize::from(id.0)].leave(id.1, refused.then_some(held.entry.phase));
        Some(held)
    }

    /// How many entries are held.
    pub(super) fn len(&self) -> usize {
        self.held
    }

    /// All open entries, in no order. Costs in proportion to them, and not to what has been held before.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> {
        let places = self.windows.iter().flat_map(Window::open_entries);
        places.filter_map(|place| self.cell(place).held.as_ref())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Held> {
        self.blocks.iter_mut().flatten().filter_map(|cell| cell.held.as_mut())
    }

    /// What entries and windows take, in bytes: about, and without what the entries point to.
    pub(super) fn bytes(&self) -> usize {
        let windows: usize = self.windows.iter().map(Window::bytes).sum();
        self.blocks.len() * BLOCK * size_of::<Cell>() + self.free.capacity() * size_of::<u32>() + windows
    }
}
