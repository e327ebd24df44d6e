//! Supervision from outside: the top of a program's tree.

use super::System;
use crate::scheduler::control::Control;
use crate::supervision::{Settings, SupervisorBuilder};

impl System {
    /// Supervises children on behalf of the program: they live until the system is shut down. If they fail too often the
    /// supervisor ends, which [`SystemBuilder::on_failure`](crate::SystemBuilder::on_failure) hears of.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Turn};
    /// # struct Parser; impl Actor for Parser { type Msg = String; fn handle(&mut self, _: String, _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// use potoroo_runtime::{Restart, Strategy, System};
    ///
    /// let system = System::new()?;
    /// let mut tree = system.supervise(Strategy::OneForOne);
    /// let parser = tree.child("parser", Restart::Permanent, |_| Ok(Parser));
    /// tree.start();
    /// parser.tell("let x = 1".to_owned());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn supervise(&self, settings: impl Into<Settings>) -> SupervisorBuilder<'_> {
        let root = self.root.cell_ref();
        SupervisorBuilder::new(root.clone(), settings.into(), move |cell| {
            // Under the lock: whoever is adopted is adopted before the root is told to stop.
            let door = self.door();
            if !door.closed {
                root.control(Control::Adopt(cell.cell_ref()));
                cell.launch(self.shared.peers[0].doorbell);
            }
        })
    }
}
