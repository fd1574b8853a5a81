//! Signs that are drawn, so that no state rests on colour alone and none on what a typeface happens to hold.

use iced::{
    Color, Element, Point, Rectangle, Renderer, Theme,
    advanced::mouse,
    widget::canvas::{self, Canvas, Frame, LineCap, LineJoin, Path, Stroke},
};

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Well, chosen, on.
    Tick,
    /// Not so, off.
    Cross,
    /// Look here.
    Exclamation,
    /// To be known.
    Information,
    /// It stands before the others: a pin.
    Pin,
    /// It does not notify: a bell that is struck out.
    Silent,
}

struct Drawn {
    sign: Sign,
    color: Color,
}

/// A sign in a square of a size.
#[must_use]
pub fn sign<'a, Message: 'a>(sign: Sign, size: f32, color: Color) -> Element<'a, Message> {
    Canvas::new(Drawn { sign, color }).width(size).height(size).into()
}

/// A sign in a disc, as at the start of a notice.
#[must_use]
pub fn disc<'a, Message: 'a>(drawn: Sign, size: f32, disc: Color, color: Color) -> Element<'a, Message> {
    let pair = crate::theme::Pair { ground: disc, ink: color };
    let style = crate::surface::filled(pair, size / 2.0);
    iced::widget::container(sign(drawn, (size * 0.62).round(), color)).center(size).style(style).into()
}

impl<Message> canvas::Program<Message> for Drawn {
    type State = ();

    fn draw(
        &self,
        (): &(),
        renderer: &Renderer,
        _theme: &Theme,
        bounds: Rectangle,
        _cursor: mouse::Cursor,
    ) -> Vec<canvas::Geometry> {
        let mut frame = Frame::new(renderer, bounds.size());
        let side = bounds.width.min(bounds.height);
        let at = |x: f32, y: f32| Point::new(x * side, y * side);
        // Pictures are of finer lines than signs.
        let width = match self.sign {
            Sign::Pin | Sign::Silent => (side / 9.0).max(1.3),
            _ => (side / 7.0).max(1.5),
        };
        let stroke = Stroke {
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default().with_color(self.color).with_width(width)
        };
        let dot = |y: f32| Path::circle(at(0.5, y), width * 0.62);
        match self.sign {
            Sign::Tick => frame.stroke(
                &Path::new(|path| {
                    path.move_to(at(0.15, 0.55));
                    path.line_to(at(0.4, 0.8));
                    path.line_to(at(0.85, 0.22));
                }),
                stroke,
            ),
            Sign::Cross => {
                frame.stroke(&Path::line(at(0.2, 0.2), at(0.8, 0.8)), stroke);
                frame.stroke(&Path::line(at(0.8, 0.2), at(0.2, 0.8)), stroke);
            }
            Sign::Exclamation => {
                frame.stroke(&Path::line(at(0.5, 0.12), at(0.5, 0.58)), stroke);
                frame.fill(&dot(0.86), self.color);
            }
            Sign::Information => {
                frame.fill(&dot(0.14), self.color);
                frame.stroke(&Path::line(at(0.5, 0.42), at(0.5, 0.88)), stroke);
            }
            Sign::Pin => {
                frame.fill(&Path::circle(at(0.5, 0.28), 0.24 * side), self.color);
                frame.stroke(&Path::line(at(0.5, 0.5), at(0.5, 0.95)), stroke);
            }
            Sign::Silent => {
                let bell = Path::new(|path| {
                    path.move_to(at(0.12, 0.74));
                    path.line_to(at(0.88, 0.74));
                    path.line_to(at(0.74, 0.56));
                    path.bezier_curve_to(at(0.74, 0.0), at(0.26, 0.0), at(0.26, 0.56));
                    path.close();
                });
                frame.stroke(&bell, stroke);
                frame.fill(&Path::circle(at(0.5, 0.88), 0.09 * side), self.color);
                frame.stroke(&Path::line(at(0.08, 0.06), at(0.92, 0.96)), stroke);
            }
        }
        vec![frame.into_geometry()]
    }
}
