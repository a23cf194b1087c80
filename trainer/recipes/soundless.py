"""Texts of what nothing sounds like, by topic: what :mod:`trainer.recipes.audible` is fitted on.

Whole topics are held out where it is measured, so that it is not asked what it was told.
"""

from __future__ import annotations

from collections.abc import Mapping

_TOPICS = {
    "money": (
        "interest on a savings account; mortgage rates; inflation; a tax return for last "
        "year; shares of a company; exchange rate of the euro; annual budget report; debt and "
        "credit; a pension plan; quarterly earnings; the price of a house; gross domestic "
        "product; an insurance policy; unpaid invoice; bankruptcy; tax exemption"
    ),
    "law": (
        "terms and conditions; a clause in a contract; copyright infringement; constitutional "
        "law; freedom of speech; a patent application; criminal liability; the right to vote; "
        "a rental agreement; immigration policy; trade regulations; legal precedent; power of "
        "attorney; a non-disclosure agreement; property rights; citizenship"
    ),
    "physics": (
        "quantum mechanics; speed of light; the second law of thermodynamics; gravity; the "
        "mass of an electron; the curvature of space; a magnetic field; dark matter; theory "
        "of everything; electric charge; relativity of time; entropy; wavelength of blue "
        "light; atomic weight of carbon; absolute zero; the uncertainty principle"
    ),
    "mathematics": (
        "square root of two; a prime number; pythagorean theorem; linear algebra; the "
        "derivative of a function; an equation with two unknowns; probability distribution; "
        "the value of pi; set theory; an isosceles triangle; proof of a theorem; complex "
        "numbers; a right angle; average of five numbers; multiplication table; infinity"
    ),
    "smell": (
        "smell of roses; the scent of lavender; a foul odour; perfume; smell of coffee in the "
        "morning; the aroma of freshly baked bread; stench of rotten eggs; fragrant flowers; "
        "mouldy smell; the smell of rain on dry earth; scented candle; deodorant fragrance"
    ),
    "taste": (
        "taste of chocolate; bitter taste; sweet and sour; a salty flavour; spicy curry "
        "flavour; the taste of honey; umami; vanilla flavour; sour lemon taste; delicious; "
        "aftertaste of red wine; a hint of cinnamon"
    ),
    "colour": (
        "dark blue; bright red colour; a pale shade of pink; turquoise; black and white; the "
        "colour of the sky; yellow and green stripes; transparent; polka dots; beige "
        "wallpaper; colour palette; shiny golden surface; purple; pastel colours; grey "
        "gradient; opaque white"
    ),
    "documents": (
        "birth certificate; a driving licence; passport number; application form; curriculum "
        "vitae; a shopping list; table of contents; a page with footnotes; meeting minutes; "
        "user manual; a blank sheet; newspaper headline; phone number; postal address; a pie "
        "chart; spreadsheet with three columns; visiting card; book cover; bibliography"
    ),
    "geography": (
        "capital of Australia; the border between two countries; a map of Europe; latitude "
        "and longitude; the population of Japan; northern hemisphere; largest desert in "
        "Africa; time zone; flag of Canada; coordinates of a place; the equator; south east; "
        "continental shelf; a country in South America; province; the highest mountain in the "
        "world"
    ),
    "feelings": (
        "loneliness; hope; a feeling of guilt; jealousy; nostalgia for childhood; gratitude; "
        "regret about the past; pride; true love; inner peace; boredom; ambition; shame; "
        "homesickness; being in love; self-confidence; trust; curiosity"
    ),
    "virtues": (
        "courage; honesty; generosity and kindness; patience is a virtue; loyalty; modesty; "
        "justice; wisdom of old age; integrity; good manners; discipline; fairness; moral "
        "duty; selfishness"
    ),
    "philosophy": (
        "the nature of truth; free will; existence of god; what is consciousness; meaning of "
        "a word; idealism; the problem of evil; reality and illusion; cause and effect; "
        "beauty; categorical imperative; nothingness; life after death; personal identity; "
        "ethics; knowledge and belief"
    ),
    "language": (
        "past tense of a verb; a comma after the clause; capital letters; spelling mistake; "
        "latin alphabet; synonyms of happy; a noun and an adjective; font size twelve; bold "
        "italic text; the letter b; french vocabulary; plural form; etymology; a word with "
        "seven letters; translation of a novel; punctuation; grammar rules"
    ),
    "pictures": (
        "oil painting of a landscape; a portrait photograph; watercolour sketch; black and "
        "white photo; a statue of marble; wedding picture; the frame of a painting; mural on "
        "a wall; a logo for a company; cave drawings; renaissance art; poster design; "
        "sculpture garden; still life with fruit; a tattoo of an anchor; embroidery pattern"
    ),
    "recipes": (
        "recipe for apple pie; ingredients of a salad; two cups of flour; vegetarian menu; "
        "nutritional value; gluten free diet; calories in a banana; a pinch of salt; wine "
        "list; protein and fat; best before date; list of allergens; low carb meal plan; "
        "vitamins"
    ),
    "dates": (
        "the fourth of July; next Tuesday; my birthday; last century; leap year; date of "
        "birth; the year nineteen eighty four; the day before yesterday; calendar week; "
        "deadline on Friday; a long time ago; twice a month; opening hours; public holiday; "
        "the middle ages"
    ),
    "health": (
        "high blood pressure; body mass index; a vaccination certificate; blood type; allergy "
        "to pollen; diabetes; genetic disorder; life expectancy; symptoms of influenza; "
        "broken collarbone; eyesight; vitamin deficiency; mental health; cholesterol level; "
        "pregnancy; anatomy of the hand"
    ),
    "politics": (
        "democracy; election results; foreign policy; prime minister; the separation of "
        "powers; socialism; minimum wage; climate policy; a member of parliament; two party "
        "system; diplomatic relations; human rights; tax reform; national security; coalition "
        "government"
    ),
    "education": (
        "homework for tomorrow; university degree; a school subject; final exam grades; "
        "scholarship; history lesson; doctoral thesis; reading list; curriculum; kindergarten "
        "place; entrance requirements; bachelor of arts; a page in a textbook; term paper"
    ),
    "nature science": (
        "chemical formula of water; the periodic table; photosynthesis; evolution of mammals; "
        "structure of a cell; carbon dioxide level; a strand of DNA; food chain; acid and "
        "base; plant species; mitochondria; fossil of a trilobite; protein folding; the ozone "
        "layer; taxonomy of insects; sedimentary rock"
    ),
    "software": (
        "source code; a variable name; password reset; database schema; file format "
        "specification; relational database; html page; version number; privacy settings; "
        "encryption key; open source licence; user account; email address; bug report; "
        "machine learning model; a sorting algorithm; screenshot"
    ),
    "fashion": (
        "summer dress; a striped shirt; size forty two; wool sweater; fashion trend; evening "
        "gown; colour of the shoes; cotton fabric; a woman's hairstyle; sunglasses; blue "
        "jeans; a silk tie; collar size; moustache"
    ),
    "history": (
        "the roman empire; world war two; french revolution; the bronze age; cold war; king "
        "of England; egyptian pharaoh; discovery of America; treaty of Versailles; ancient "
        "Greece; industrial revolution; the life of Napoleon; feudalism; a royal dynasty"
    ),
    "religion": (
        "the ten commandments; holy trinity; reincarnation; original sin; a verse in the "
        "bible; karma; buddhism; salvation; the afterlife; prophecy; eternal soul; pilgrimage"
    ),
    "astronomy": (
        "rings of Saturn; a distant galaxy; the phases of the moon; distance to the sun; "
        "black hole; the milky way; solar system; zodiac sign; constellation of Orion; orbit "
        "of Mars; a light year; exoplanet"
    ),
    "people": (
        "my uncle's name; albert einstein; a second cousin; the president of France; marital "
        "status; nationality; middle class; left handed; forty years old; single parent; best "
        "friend; william shakespeare; family tree; hair colour; marie curie; an only child"
    ),
    "work": (
        "project management; job description; business strategy; marketing plan; working "
        "hours; supply chain; annual leave; unemployment rate; salary; corporate identity; "
        "team leader; customer satisfaction; organisational chart; key performance indicator; "
        "target group"
    ),
    "quantities": (
        "three quarters; ten per cent; a dozen; half a kilogram; width and height; two metres "
        "long; very small; the largest number; twenty five; more or less; square metres; "
        "fifty fifty; room temperature; a large amount; zero; one in a million"
    ),
    "thoughts": (
        "an idea; a good reason; a secret plan; opinion; misunderstanding; an example; a "
        "dream about flying; memory of my grandmother; conclusion; point of view; the wrong "
        "answer; imagination; common sense; the best solution; a lie; forgetting a name"
    ),
    "gibberish": (
        "qwxzv; asdfghjkl; blorptang; lorem ipsum dolor; xkcd zzyx; frumious vornet; hjkl "
        "uiop; glimmetry; vdsnkj; tristomalic; ygtr plonq; sdfsdf; wibberdant; aaaaabbbb; "
        "ploxity nerb; zxcvbnm"
    ),
    "absurd": (
        "a purple elephant reciting poetry; a square circle; colourless green ideas sleep; an "
        "invisible triangle; the weight of a thought; the shadow of silence; a meeting of "
        "yesterday and tomorrow; liquid mathematics; blue wednesday; a theory made of glass; "
        "the shape of an idea; numbers in love; a transparent opinion; dehydrated water"
    ),
    "still things": (
        "snow covered mountain peak; a cloudless sky; a rainbow; full moon at night; shadow "
        "of a tree; a flower bed with tulips; fog over a valley; a field of wheat in the sun; "
        "desert sand dunes at noon; sunset; a spotted mushroom; empty white room; a "
        "reflection in a mirror; morning light; a red carpet; a green meadow"
    ),
}

SOUNDLESS_TOPICS: Mapping[str, tuple[str, ...]] = {
    topic: tuple(texts.split("; ")) for topic, texts in _TOPICS.items()
}
