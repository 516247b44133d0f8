//! Who prompts an animal, and troubles it.

use serde_json::{Value, json};

use super::{
    Asked,
    animals::{Animal, Trouble},
    client::Client,
    lab::{Lab, eventually, signal},
    prompts::{self, Dice},
};

/// One of those who prompt an animal at the same time.
pub struct Sender<'a> {
    lab: &'a Lab,
    animal: &'a Animal,
    number: usize,
    dice: Dice,
    client: Client,
    asked: Vec<Asked>,
}

impl<'a> Sender<'a> {
    pub fn new(lab: &'a Lab, animal: &'a Animal, number: usize, seed: u64) -> Self {
        Self {
            lab,
            animal,
            number,
            dice: Dice::new(seed ^ number as u64),
            client: Client::connect(&lab.path("run/llmux")),
            asked: Vec::new(),
        }
    }

    /// Takes so many turns; gives all that were asked for, in order.
    pub fn send(mut self, turns: usize) -> Vec<Asked> {
        while self.asked.len() < turns {
            if self.dice.one_in(5) && self.trouble() {
                continue;
            }
            let word = self.word();
            let prompt = if self.dice.one_in(8) {
                prompts::shortest(self.number)
            } else {
                prompts::make(&mut self.dice, self.animal, &word)
            };
            let times = if self.dice.one_in(6) {
                2 + self.dice.below(2)
            } else {
                1
            };
            for _ in 0..times {
                self.ask(&prompt);
            }
        }
        self.asked
    }

    /// Begins prompts of this turn alone.
    fn word(&self) -> String {
        format!("{}-{}-{}", self.animal.name, self.number, self.asked.len())
    }

    /// Prompts and waits for the answer.
    fn ask(&mut self, prompt: &str) {
        let body = self.body(prompt, "ended");
        let turn = self.post(&body);
        let turn = self.through_dialogs(turn);
        if self.dice.one_in(10) {
            // The same key is the same turn.
            let again = self.post(&body);
            assert_eq!(again["id"], turn["id"], "a key stands for two turns");
        }
        self.note(prompt, turn);
    }

    fn body(&self, prompt: &str, wait: &str) -> Value {
        json!({ "prompt": prompt, "wait": wait, "key": format!("{}-{}", self.number, self.asked.len()),
            "timeoutMs": 60_000, "draft": self.animal.draft })
    }

    /// Posts a prompt; once more if the agent was being started again.
    fn post(&mut self, body: &Value) -> Value {
        let path = format!("/api/sessions/{}/turns", self.animal.name);
        eventually("the session takes a prompt", || {
            let answer = self.client.post(&path, body);
            let is_down = self.animal.trouble == Some(Trouble::Kill) && answer["state"].is_null();
            (!is_down).then_some(answer)
        })
    }

    fn note(&mut self, prompt: &str, turn: Value) {
        let prompt = prompt.to_owned();
        self.asked.push(Asked { prompt, turn });
    }

    fn through_dialogs(&mut self, mut turn: Value) -> Value {
        while turn["state"] == "blocked" {
            let yes = json!({ "choice": "1", "dialog": turn["dialog"]["id"] });
            let path = format!("/api/sessions/{}/answer", self.animal.name);
            self.client.post(&path, &yes);
            // The dialog leaves the screen a moment after it was answered.
            turn = self.wait(&turn);
        }
        turn
    }

    fn wait(&mut self, turn: &Value) -> Value {
        self.of_turn(turn, "wait", &json!({ "throughDialogs": false }))
    }

    fn of_turn(&mut self, turn: &Value, verb: &str, body: &Value) -> Value {
        let Some(id) = turn["id"].as_str() else {
            return turn.clone();
        };
        self.client.post(&format!("/api/turns/{id}/{verb}"), body)
    }

    /// Takes a turn with trouble, if this sender makes any.
    fn trouble(&mut self) -> bool {
        match self.animal.trouble {
            Some(Trouble::Resize) => self.resize(),
            Some(Trouble::Cancel) => self.cancel(),
            // One kills: two would restart each other's.
            Some(Trouble::Kill) if self.number == 0 => self.kill(),
            _ => return false,
        }
        true
    }

    /// Changes the size of the window in the middle of a turn.
    fn resize(&mut self) {
        let prompt = format!("{} [[lines=40]] [[delay=5]] [[chunks=20]]", self.word());
        let turn = self.post(&self.body(&prompt, "submitted"));
        let cols = (60 + self.dice.below(80)).to_string();
        let window = format!("={}:", self.animal.name);
        self.lab
            .tmux(["resize-window", "-t", &window, "-x", &cols, "-y", "40"])
            .ok();
        let turn = self.wait(&turn);
        self.note(&prompt, turn);
    }

    /// Cancels a turn some time after it runs or waits, sometimes with another one behind it.
    fn cancel(&mut self) {
        let word = self.word();
        let mut prompt = prompts::long(&mut self.dice, &word);
        if self.dice.one_in(4) {
            prompt.push_str(" [[ask]]");
        }
        let first = self.post(&self.body(&prompt, "submitted"));
        let place = self.asked.len();
        self.note(&prompt, first.clone());
        if self.dice.one_in(2) {
            let word = self.word();
            let next = prompts::long(&mut self.dice, &word);
            let waiting = self.post(&self.body(&next, "queued"));
            let waiting = self.of_turn(&waiting, "cancel", &json!({}));
            self.note(&next, waiting);
        }
        if self.dice.one_in(2) {
            let a_while = json!({ "timeoutMs": self.dice.below(150) });
            self.of_turn(&first, "wait", &a_while);
        }
        // What nobody interrupts comes to its end, before the next prompt.
        let ends_alone = !prompt.contains("[[hang]]") && !prompt.contains("[[ask]]");
        let how = json!({ "leaveRunning": ends_alone && self.dice.one_in(2) });
        self.asked[place].turn = self.of_turn(&first, "cancel", &how);
    }

    /// Kills the agent in the middle of a turn, and starts it again.
    fn kill(&mut self) {
        let word = self.word();
        let prompt = prompts::long(&mut self.dice, &word);
        let turn = self.post(&self.body(&prompt, "submitted"));
        let place = self.asked.len();
        self.note(&prompt, turn.clone());
        if self.dice.one_in(2) {
            let word = self.word();
            let next = prompts::make(&mut self.dice, self.animal, &word);
            let waiting = self.post(&self.body(&next, "queued"));
            self.note(&next, waiting);
        }
        self.kill_agent();
        for place in place..self.asked.len() {
            let turn = self.asked[place].turn.clone();
            self.asked[place].turn = self.of_turn(&turn, "wait", &json!({ "throughDialogs": true }));
        }
        self.start_again();
    }

    fn kill_agent(&self) {
        let window = format!("={}:", self.animal.name);
        let wrapper = self
            .lab
            .tmux(["display-message", "-t", &window, "-p", "#{pane_pid}"]);
        let agent = child_of(wrapper.stdout.trim()).expect("the wrapper runs the agent");
        signal(agent, "KILL");
    }

    fn start_again(&mut self) {
        let path = format!("/api/sessions/{}/respawn", self.animal.name);
        let answer = self.client.post(&path, &json!({}));
        assert!(answer["error"].is_null(), "it does not start again: {answer}");
    }
}

/// The child of a process, by its parent's number as text.
fn child_of(parent: &str) -> Option<u32> {
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        fields.split(' ').nth(1) == Some(parent)
    };
    std::fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .find(is_child)
}
