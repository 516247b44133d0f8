//! Prompts of all sizes, each with a word of its own.

use super::animals::Animal;

/// A source of numbers that a seed repeats (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // Zero would stay zero; near seeds must not stay near.
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    pub fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// A prompt of one byte, a sender's own.
pub fn shortest(sender: usize) -> String {
    char::from(b'a' + sender as u8).to_string()
}

/// A prompt that begins with `word` and is not answered soon, or never.
pub fn long(dice: &mut Dice, word: &str) -> String {
    let directives = ["[[hang]]", "[[lines=100]] [[delay=20]] [[chunks=100]]"];
    let size = 1 << dice.below(12);
    let filler = "and so on, ".repeat(size / 8);
    format!("{word} {filler}{}", directives[dice.below(2) as usize])
}

/// Makes a prompt that begins with `word`: from a few bytes to some kilobytes, seldom to 1 MiB.
pub fn make(dice: &mut Dice, animal: &Animal, word: &str) -> String {
    let size = match dice.below(200) {
        0 => 1 << (16 + dice.below(4)),
        1..=40 => 1 << (8 + dice.below(6)),
        _ => 1 << dice.below(8),
    };
    let filler = match dice.below(4) {
        0 => "wörd 日本 🦀 ",
        1 => "a line\nand another\n",
        2 => "'quoted' \"$(x)\" `y` #{z}; ",
        _ => "plain words ",
    };
    let mut prompt = format!("{word} {}", filler.repeat(size / filler.len()));
    if prompt.len() > 1 << 19 && dice.one_in(2) {
        // The longest prompt there is.
        prompt.push_str(&"x".repeat((1 << 20) - prompt.len()));
        return prompt;
    }
    match dice.below(10) {
        0 => prompt.push_str(" [[lines=3]]"),
        1 => prompt.push_str(" [[lines=70]]"),
        2 => prompt.push_str(" [[delay=5]] [[chunks=8]]"),
        _ => {}
    }
    if let Some(directive) = animal.directive.filter(|_| dice.one_in(3)) {
        prompt.push_str(directive);
    }
    prompt.trim_end().to_owned()
}
