//! A prompt as the rows that a decoder or encoder takes: embeddings of words, features of a picture among them.

use crate::language::LanguageError;
use crate::types::{TensorData, TensorRef};
use crate::zoo::ZooError;

/// Rows of one width. Its memory is used again by the next prompt.
#[derive(Debug, Default)]
pub(in crate::zoo) struct PromptRows {
    rows: Vec<f32>,
    /// `[1, tokens, width]`.
    shape: [usize; 3],
}

impl PromptRows {
    /// Starts anew with these rows: the last dimension is their width.
    ///
    /// # Errors
    /// [`ZooError::Language`] for rows that are no floats.
    pub fn set(&mut self, rows: TensorRef<'_>) -> Result<(), ZooError> {
        self.rows.clear();
        self.shape = [1, 0, rows.shape.last().copied().unwrap_or_default()];
        self.append(rows)
    }

    /// Adds rows behind those that are there.
    ///
    /// # Errors
    /// [`ZooError::Language`] for rows that are no floats, or of another width.
    pub fn append(&mut self, rows: TensorRef<'_>) -> Result<(), ZooError> {
        let width = self.shape[2];
        let before = self.rows.len();
        match rows.data {
            TensorData::F32(values) => self.rows.extend_from_slice(values),
            TensorData::F16(values) => self.rows.extend(values.iter().map(|value| value.to_f32())),
            _ => {}
        }
        let added = self.rows.len() - before;
        if width == 0 || added == 0 || rows.shape.last() != Some(&width) {
            let expected = format!("float rows of width {width}");
            return Err(LanguageError::Prompt { found: format!("rows {:?}", rows.shape), expected }.into());
        }
        self.shape[1] += added / width;
        Ok(())
    }

    /// Puts a picture's features, in their order, in the places of `token` among the rows' `ids`.
    ///
    /// # Errors
    /// [`ZooError::Features`] when they are not as many or as wide as the places.
    pub fn replace(&mut self, ids: &[u32], token: u32, features: TensorRef<'_>) -> Result<(), ZooError> {
        let width = self.shape[2];
        let places = ids.iter().filter(|id| **id == token).count();
        let found: usize = features.shape.iter().product();
        if width == 0 || features.shape.last() != Some(&width) || found != places * width {
            let expected = format!("{places} of width {width}, one for each image token of the prompt");
            return Err(ZooError::Features { found: format!("{:?}", features.shape), expected });
        }
        let rows = self.rows.chunks_exact_mut(width).zip(ids).filter(|(_, id)| **id == token).map(|(row, _)| row);
        match features.data {
            TensorData::F32(values) => {
                rows.zip(values.chunks_exact(width)).for_each(|(row, feature)| row.copy_from_slice(feature));
            }
            TensorData::F16(values) => {
                for (row, feature) in rows.zip(values.chunks_exact(width)) {
                    row.iter_mut().zip(feature).for_each(|(row, value)| *row = value.to_f32());
                }
            }
            // The elements were checked with the signature.
            _ => {}
        }
        Ok(())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.shape[1]
    }

    /// `[1, tokens, width]` float32.
    pub fn as_tensor(&self) -> TensorRef<'_> {
        TensorRef { shape: &self.shape, data: TensorData::F32(&self.rows) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    fn rows<'a>(shape: &'a [usize], values: &'a [f32]) -> TensorRef<'a> {
        TensorRef { shape, data: TensorData::F32(values) }
    }

    #[test]
    fn features_take_the_places_of_their_token_in_order() {
        let mut prompt = PromptRows::default();
        prompt.set(rows(&[1, 4, 2], &[1.0, 1.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0])).unwrap();
        let features = [5.0, 6.0, 7.0, 8.0].map(f16::from_f32);
        let features = TensorRef { shape: &[2, 1, 2], data: TensorData::F16(&features) };
        prompt.replace(&[4, 9, 4, 9], 9, features).unwrap();
        assert_eq!(prompt.as_tensor(), rows(&[1, 4, 2], &[1.0, 1.0, 5.0, 6.0, 2.0, 2.0, 7.0, 8.0]));
    }

    #[test]
    fn too_few_or_too_narrow_features_are_refused() {
        let mut prompt = PromptRows::default();
        prompt.set(rows(&[1, 3, 2], &[0.0; 6])).unwrap();
        for (shape, expected) in [([1, 1, 2], "features [1, 1, 2]"), ([1, 4, 1], "features [1, 4, 1]")] {
            let values = vec![0.0; shape.iter().product()];
            let error = prompt.replace(&[9, 9, 1], 9, rows(&shape, &values)).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("expected 2 of width 2"), "{error}");
        }
    }

    #[test]
    fn rows_of_another_width_do_not_follow() {
        let mut prompt = PromptRows::default();
        prompt.set(rows(&[1, 1, 2], &[0.0; 2])).unwrap();
        prompt.append(rows(&[1, 2, 2], &[1.0; 4])).unwrap();
        assert_eq!(prompt.len(), 3);
        let error = prompt.append(rows(&[1, 1, 3], &[0.0; 3])).unwrap_err().to_string();
        assert_eq!(error, "prompt has rows [1, 1, 3], expected float rows of width 2");
    }
}
