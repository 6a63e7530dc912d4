//! What Florence-2 can be asked: the task prompts of its model card.

use super::places;
use super::places::Phrases;
use crate::types::{Region, Size};
use crate::zoo::ZooError;
use crate::zoo::answer::vision_language::refused;

/// A task prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskPrompt {
    /// A sentence.
    Caption,
    /// Some sentences.
    DetailedCaption,
    /// A paragraph.
    MoreDetailedCaption,
    /// Objects with their categories.
    ObjectDetection,
    /// Places with descriptions.
    DenseRegionCaption,
    /// Places without words.
    RegionProposal,
    /// The places of the phrases of a text.
    PhraseGrounding,
    /// The places of what a text names, whatever it is.
    OpenVocabularyDetection,
    /// The outline of what a text names.
    ReferringExpressionSegmentation,
    /// The outline of what lies in a box.
    RegionToSegmentation,
    /// What lies in a box, in a word.
    RegionToCategory,
    /// What lies in a box, in a sentence.
    RegionToDescription,
    /// The letters in a box.
    RegionToOcr,
    /// All letters.
    Ocr,
    /// All letters with their places.
    OcrWithRegion,
}

/// Where the words of a question go in the sentence that the model was trained with.
const WORDS: &str = "{}";

impl TaskPrompt {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Caption,
        Self::DetailedCaption,
        Self::MoreDetailedCaption,
        Self::ObjectDetection,
        Self::DenseRegionCaption,
        Self::RegionProposal,
        Self::PhraseGrounding,
        Self::OpenVocabularyDetection,
        Self::ReferringExpressionSegmentation,
        Self::RegionToSegmentation,
        Self::RegionToCategory,
        Self::RegionToDescription,
        Self::RegionToOcr,
        Self::Ocr,
        Self::OcrWithRegion,
    ];

    /// How it is written: `<OD>`.
    pub const fn token(self) -> &'static str {
        self.entry().0
    }

    /// Token, and the sentence that stands for it.
    const fn entry(self) -> (&'static str, &'static str) {
        match self {
            Self::Caption => ("<CAPTION>", "What does the image describe?"),
            Self::DetailedCaption => ("<DETAILED_CAPTION>", "Describe in detail what is shown in the image."),
            Self::MoreDetailedCaption => {
                ("<MORE_DETAILED_CAPTION>", "Describe with a paragraph what is shown in the image.")
            }
            Self::ObjectDetection => ("<OD>", "Locate the objects with category name in the image."),
            Self::DenseRegionCaption => {
                ("<DENSE_REGION_CAPTION>", "Locate the objects in the image, with their descriptions.")
            }
            Self::RegionProposal => ("<REGION_PROPOSAL>", "Locate the region proposals in the image."),
            Self::PhraseGrounding => ("<CAPTION_TO_PHRASE_GROUNDING>", "Locate the phrases in the caption: {}"),
            Self::OpenVocabularyDetection => ("<OPEN_VOCABULARY_DETECTION>", "Locate {} in the image."),
            Self::ReferringExpressionSegmentation => {
                ("<REFERRING_EXPRESSION_SEGMENTATION>", "Locate {} in the image with mask")
            }
            Self::RegionToSegmentation => ("<REGION_TO_SEGMENTATION>", "What is the polygon mask of region {}"),
            Self::RegionToCategory => ("<REGION_TO_CATEGORY>", "What is the region {}?"),
            Self::RegionToDescription => ("<REGION_TO_DESCRIPTION>", "What does the region {} describe?"),
            Self::RegionToOcr => ("<REGION_TO_OCR>", "What text is in the region {}?"),
            Self::Ocr => ("<OCR>", "What is the text in the image?"),
            Self::OcrWithRegion => ("<OCR_WITH_REGION>", "What is the text in the image, with regions?"),
        }
    }

    /// Whether words stand behind its token.
    pub fn takes_words(self) -> bool {
        self.entry().1.contains(WORDS)
    }

    /// A question's task and the words behind it.
    ///
    /// # Errors
    /// [`ZooError::Question`] for a question without a task, words behind one that takes none, and none behind one that
    /// needs them.
    pub fn read(question: &str) -> Result<(Self, &str), ZooError> {
        let question = question.trim();
        let found = Self::ALL.into_iter().find_map(|task| Some((task, question.strip_prefix(task.token())?.trim())));
        let Some((task, words)) = found else {
            let tasks: Vec<_> = Self::ALL.into_iter().map(Self::example).collect();
            let reason = format!("has no task, which Florence-2 needs: expected one of {}", tasks.join(", "));
            return Err(refused(question, reason));
        };
        match (task.takes_words(), words.is_empty()) {
            (true, true) => Err(refused(question, format!("has no words, expected {}", task.example()))),
            (false, false) => Err(refused(question, format!("has words behind its task, expected {}", task.token()))),
            _ => Ok((task, words)),
        }
    }

    /// `<OD>`, `<REGION_TO_OCR><loc_..>..`.
    fn example(self) -> String {
        let words = match self {
            Self::RegionToSegmentation | Self::RegionToCategory | Self::RegionToDescription | Self::RegionToOcr => {
                " with a box <loc_1><loc_2><loc_3><loc_4>"
            }
            task if task.takes_words() => " with words",
            _ => "",
        };
        format!("{}{words}", self.token())
    }

    /// The sentence that the model is asked.
    pub fn prompt(self, words: &str) -> String {
        self.entry().1.replace(WORDS, words)
    }

    /// The places in an answer, as boxes in pixels of a picture of this size and clipped to it: `<loc_7>` is the middle
    /// of the eighth of a thousand equal parts of the picture's width or height. Corners in the wrong order change
    /// places; a box without area in the picture is left out. An outline or a tilted quadrilateral becomes the smallest box
    /// around it, its corners stay in the text. Labels are the model's words with all of their letters; phrases that
    /// name nothing (`it`, `the image`) are no places of a grounding.
    ///
    /// The text is read as transformers' `post_process_generation` reads it, which drops letters beyond ASCII and the
    /// fractions of pixels.
    pub fn regions(self, text: &str, image: Size) -> Vec<Region> {
        let text = ["<s>", "</s>", "<pad>"].iter().fold(text.to_owned(), |text, frame| text.replace(frame, ""));
        match self {
            Self::ObjectDetection | Self::DenseRegionCaption => places::boxes(&text, Phrases::Needed, image),
            Self::RegionProposal => places::boxes(&text, Phrases::None, image),
            Self::PhraseGrounding => {
                let mut regions = places::boxes(&text, Phrases::Needed, image);
                regions.retain(|region| !names_nothing(&region.label));
                regions
            }
            Self::OpenVocabularyDetection if text.contains("<poly>") => places::outlines(&text, Phrases::Needed, image),
            Self::OpenVocabularyDetection => places::boxes(&text, Phrases::Needed, image),
            Self::ReferringExpressionSegmentation | Self::RegionToSegmentation => {
                places::outlines(&text, Phrases::None, image)
            }
            Self::OcrWithRegion => places::quadrilaterals(&text, image),
            Self::Caption
            | Self::DetailedCaption
            | Self::MoreDetailedCaption
            | Self::RegionToCategory
            | Self::RegionToDescription
            | Self::RegionToOcr
            | Self::Ocr => Vec::new(),
        }
    }
}

/// The phrases that the checkpoints' configuration bans from groundings.
fn names_nothing(phrase: &str) -> bool {
    const WORDS: &str = "it I me mine you your yours he him his she her hers they them their theirs one oneself we us our \
        ours its myself yourself himself herself itself ourselves yourselves themselves this that these those who whom \
        whose which what all another any anybody anyone anything each everybody everyone everything few many nobody none \
        several some somebody someone something image images the a an lots";
    const PHRASES: [&str; 6] = ["each other", "one another", "the image", "a group", "other objects", "a set"];
    PHRASES.contains(&phrase) || WORDS.split_whitespace().any(|word| word == phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_task_and_its_words() {
        assert_eq!(TaskPrompt::read(" <OD>\n").unwrap(), (TaskPrompt::ObjectDetection, ""));
        let (task, words) = TaskPrompt::read("<OPEN_VOCABULARY_DETECTION> a red bus ").unwrap();
        assert_eq!(task.prompt(words), "Locate a red bus in the image.");
        assert_eq!(TaskPrompt::read("<OCR_WITH_REGION>").unwrap().0, TaskPrompt::OcrWithRegion);
    }

    #[test]
    fn what_is_no_task_is_refused_with_the_tasks() {
        let message = TaskPrompt::read("What is this?").unwrap_err().to_string();
        assert!(message.starts_with("question \"What is this?\" has no task, which Florence-2 needs"), "{message}");
        assert!(TaskPrompt::ALL.iter().all(|task| message.contains(task.token())), "{message}");
        let message = TaskPrompt::read("<OD> cats").unwrap_err().to_string();
        assert_eq!(message, "question \"<OD> cats\" has words behind its task, expected <OD>");
        let message = TaskPrompt::read("<CAPTION_TO_PHRASE_GROUNDING>").unwrap_err().to_string();
        assert!(message.ends_with("has no words, expected <CAPTION_TO_PHRASE_GROUNDING> with words"), "{message}");
    }
}
