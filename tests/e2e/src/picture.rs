//! Pictures of the window, to see what was painted and not only what should have been.

use anyhow::{Context as _, Result, ensure};

/// Words stand out from their background by at least so much; the dots and lines of the graph do not.
const STANDS_OUT: u8 = 80;

/// A picture, a byte of brightness a pixel.
#[derive(Debug)]
pub struct Picture {
    width: usize,
    brightness: Vec<u8>,
}

impl Picture {
    /// Reads a PNG of eight bits a colour, as WebDriver makes them.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info()?;
        let mut pixels = vec![0; reader.output_buffer_size().context("a picture of a size")?];
        let frame = reader.next_frame(&mut pixels)?;
        ensure!(frame.bit_depth == png::BitDepth::Eight, "{:?}", frame.bit_depth);
        let step = frame.color_type.samples();
        ensure!(step >= 3, "{:?}", frame.color_type);
        // Green is most of what an eye calls bright.
        let brightness = pixels[..frame.buffer_size()].chunks_exact(step).map(|pixel| pixel[1]).collect();
        Ok(Self { width: frame.width as usize, brightness })
    }

    /// Whether something stands out from the background inside of x, y, width and height.
    #[must_use]
    pub fn has_something_at(&self, [x, y, width, height]: [f64; 4]) -> bool {
        let pixel = |at: f64| at.max(0.0) as usize;
        let columns = pixel(x + 3.0)..pixel(x + width - 3.0).min(self.width);
        let rows = (pixel(y + 3.0)..pixel(y + height - 3.0)).filter_map(|row| {
            let start = row * self.width;
            self.brightness.get(start + columns.start..start + columns.end)
        });
        let seen = rows.flatten().fold(None, |seen: Option<(u8, u8)>, &pixel| {
            Some(seen.map_or((pixel, pixel), |(least, most)| (least.min(pixel), most.max(pixel))))
        });
        seen.is_some_and(|(least, most)| most - least > STANDS_OUT)
    }
}

#[cfg(test)]
mod tests {
    use super::Picture;

    #[test]
    fn dark_words_stand_out_and_an_empty_place_does_not() {
        let mut brightness = vec![250; 40 * 40];
        brightness[10 * 40 + 10] = 40;
        let picture = Picture { width: 40, brightness };
        assert!(picture.has_something_at([0.0, 0.0, 20.0, 20.0]));
        assert!(!picture.has_something_at([20.0, 0.0, 20.0, 20.0]));
        assert!(!picture.has_something_at([200.0, 200.0, 20.0, 20.0]));
    }
}
