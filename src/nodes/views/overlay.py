"""Images with outlines of their objects on top: layers that can be switched, and faded, from image to image."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from core.image import Image, Labels
from nodes.views.html import page

COLORS = {"found": "#ffd400", "truth": "#22d36b", "second": "#38b6ff", "first": "#ff4fa3"}
"""Of outlines: seen on dark fluorescence and on bright-field images."""

LONGEST = 1024
"""Longest side of a picture in a view, pixels; larger images are reduced."""


@dataclass(frozen=True)
class Slide:
    """An image of a view.

    Parameters
    ----------
    title, caption : texts.
    picture : data URI of the image.
    layers : data URI of each layer of outlines, in the order of the view's layers.
    """

    title: str
    caption: str
    picture: str
    layers: tuple[str, ...]


def slide(title: str, caption: str, image: Image | None, layers: Sequence[tuple[Labels, str]]) -> Slide:
    """A slide of an image and label images with the colour of their outlines; without image the ground is black."""
    from core.visual import to_display

    height, width = layers[0][0].shape if image is None else (image.size("Y"), image.size("X"))
    factor = max(1, -(-max(height, width) // LONGEST))
    display = np.zeros((height, width), np.uint8) if image is None else to_display(image)
    drawn = tuple(_uri(_outline_picture(labels, color, factor)) for labels, color in layers)
    return Slide(title, caption, _uri(_small(display, factor)), drawn)


def overlay_page(
    title: str, note: str, layers: Sequence[tuple[str, str]], slides: Sequence[Slide], before: str = ""
) -> str:
    """The page.

    Parameters
    ----------
    note : a sentence below the title.
    layers : name and colour of each layer.
    slides : what to show.
    before : HTML in front of all this.
    """
    boxes = "".join(
        f'<label><input type="checkbox" class="layer" checked> <i style="background:{color}"></i>{escape(name)}</label>'
        for name, color in layers
    )
    data = json.dumps([[s.title, s.caption, s.picture, s.layers] for s in slides]).replace("</", "<\\/")
    body = f"""
<p>{escape(note)}</p>
<div class="bar"><button id="before" title="Previous image (left arrow)">&#9664;</button>
<select id="choice" aria-label="Image"></select><button id="next" title="Next image (right arrow)">&#9654;</button>
{boxes}<label>Opacity <input type="range" id="opacity" min="0" max="100" value="100"></label>
<label><input type="checkbox" id="fit" checked> Fit</label></div>
<p id="caption"></p><div id="stage" class="fit"></div>"""
    return page(
        title, before, body if slides else "", style=_STYLE, script=f"const slides={data};{_SCRIPT}" if slides else ""
    )


_STYLE = """
.bar{display:flex;flex-wrap:wrap;gap:12px;align-items:center;margin:8px 0}
.bar i{display:inline-block;width:12px;height:12px;margin-right:4px;border-radius:2px}
#stage{position:relative;display:inline-block;background:#000;line-height:0}
#stage img{image-rendering:pixelated}
#stage .over{position:absolute;left:0;top:0}
#stage.fit{width:min(100%,max(256px,(100vh - 170px)*var(--ratio,1)))}
#stage.fit img{width:100%}
select{max-width:40vw}
"""

_SCRIPT = """
const $=id=>document.getElementById(id),boxes=[...document.querySelectorAll('.layer')];let now=0;
slides.forEach((s,i)=>$('choice').add(new Option((i+1)+' / '+slides.length+'   '+s[0],i)));
function paint(){[...document.querySelectorAll('.over')].forEach((im,i)=>{
 im.style.opacity=$('opacity').value/100;im.style.display=boxes[i].checked?'':'none'})}
function show(i){now=(i+slides.length)%slides.length;const s=slides[now],st=$('stage');
 st.replaceChildren();[s[2],...s[3]].forEach((u,k)=>{const im=new Image();im.src=u;if(k)im.className='over';
 im.alt=k?'outlines':s[0];st.append(im);
 if(!k)im.onload=()=>st.style.setProperty('--ratio',im.naturalWidth/im.naturalHeight)});$('choice').value=now;$('caption').textContent=s[1];paint()}
$('before').onclick=()=>show(now-1);$('next').onclick=()=>show(now+1);
$('choice').onchange=e=>show(+e.target.value);
$('opacity').oninput=paint;boxes.forEach(b=>b.onchange=paint);
$('fit').onchange=e=>$('stage').classList.toggle('fit',e.target.checked);
document.addEventListener('keydown',e=>{if(e.target.type==='range')return;
 if(e.key==='ArrowLeft')show(now-1);else if(e.key==='ArrowRight')show(now+1);
 else if(e.key===' '&&e.target===document.body){e.preventDefault();boxes.forEach(b=>b.checked=!b.checked);paint()}});
show(0);
"""


def _outline_picture(labels: Labels, color: str, factor: int) -> NDArray[np.uint8]:
    """RGBA: the innermost pixels of every object in a colour, everything else clear."""
    from core.visual import outlines

    edge = outlines(labels)
    height, width = (-(-n // factor) for n in labels.shape)
    padded = np.pad(edge, ((0, height * factor - labels.shape[0]), (0, width * factor - labels.shape[1])))
    small = padded.reshape(height, factor, width, factor).any(axis=(1, 3))
    picture = np.zeros((height, width, 4), np.uint8)
    picture[small] = [*bytes.fromhex(color[1:]), 255]
    return picture


def _small(display: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """A picture, YX or YX3, of the size of its reduced outlines."""
    from core.visual import reduced

    if display.ndim == 2:
        return reduced(display, factor)
    return np.ascontiguousarray(np.moveaxis(reduced(np.moveaxis(display, 2, 0), factor), 0, 2))


def _uri(picture: NDArray[np.uint8]) -> str:
    import PIL.Image

    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
