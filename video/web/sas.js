// The short authentication string: four words and four digits over both DTLS fingerprints. Equal on both sides unless
// somebody sits in between. The answering side commits to fingerprint and nonce before it sees the other's, so that
// nobody can search for a certificate that gives the same words: one guess in 2^45.

import { encode } from "./base64url.js";

// Written the same in German and in English, and no two sound alike.
export const WORDS = `
  Adapter Alarm Album Algebra Alibi Alligator Alphabet Anorak April Aquarium Arena Aroma Asphalt Atlas August
  Avocado Baby Bagel Baguette Ball Ballet Band Banner Barometer Baseball Bikini Bistro Bonsai Boutique Bowling
  Boxer Bronze Bungalow Butter Camping Cappuccino Cello Chili Clown Cocktail Computer Container Couch Cowboy Curry
  Delta Design Dessert Diesel Diplomat Diva Dollar Domino Echo Emblem Ensemble Express Farm Festival Film Filter
  Finale Finger Fjord Flamingo Flora Forum Fossil Frost Garage Gazelle Generator Ginseng Giraffe Gold Gorilla
  Grapefruit Grill Hammer Hamster Hangar Hobby Hockey Horn Hotel Husky Instrument Internet Iris Jaguar Jazz Jeans
  Joker Judo Junior Karate Karma Ketchup Kilo Kimono Kindergarten Kiosk Kiwi Koala Kohlrabi Laser Lasso Lava
  Lemming Leopard Lift Lotion Lotus Magma Magnet Mantra Marathon Marina Marzipan Material Meter Million Minute
  Mixer Moment Monitor Moped Motor Motto Mozzarella Museum Mustang Name Nation Neon Nest Nougat November Nylon
  Oboe Olive Omega Opal Orange Organ Ornament Panda Panorama Panther Papaya Paprika Park Party Passage Pasta Pause
  Pedal Person Piano Pilot Pizza Planet Plankton Podium Polka Polo Poncho Pony Popcorn Portal Poster Propeller
  Pudding Pullover Puma Puzzle Python Quinoa Quiz Radar Radio Radius Regatta Restaurant Ring Risotto Rodeo Rose
  Safari Salami Samba Sandwich Sardine Satin Sauna Senator Sensor September Shampoo Signal Sketch Slalom Sofa
  Software Sombrero Spaghetti Sport Spray Station Steak Stereo Story Studio Sushi Symbol Talent Tandem Tango Tapir
  Taxi Teddy Tempo Tennis Terminal Terrier Tiger Toast Tofu Tornado Tourist Trainer Trick Trio Tuba Tundra Tunnel
  Turban Turbine Ukulele Uniform Vase Ventilator Veranda Video Villa Vitamin Volleyball Wind Winter Wolf Workshop
  Yeti Yoga Zebra Zone Zoo`.trim().split(/\s+/);

export const nonce = () => encode(crypto.getRandomValues(new Uint8Array(18)));

// All fingerprints of a description, sorted: of every kind and level, so that none can hide behind another.
export function fingerprints(sdp) {
  const found = sdp.matchAll(/^a=fingerprint:[^\r\n]*/gim);
  return [...new Set([...found].map(([line]) => line.toLowerCase().replace(/\s+/g, " ").trim()))].sort().join(",");
}

export async function commitment(value, prints) {
  return encode(await digest(["telemed-commit-1", value, prints]));
}

// {words, indexes, digits} of one call; indexes are those of the words, for lists in other languages. `sides` are
// [fingerprints, nonce] of the two, in any order, or [label, nonce] of everybody in a group.
export async function shortString(room, sides) {
  const sorted = sides.map(([prints, value]) => `${prints}/${value}`).sort();
  const bytes = await digest(["telemed-words-1", room, ...sorted]);
  const indexes = [...bytes.subarray(0, 4)];
  return {
    words: indexes.map((index) => WORDS[index]), indexes,
    digits: String((bytes[4] * 65536 + bytes[5] * 256 + bytes[6]) % 10000).padStart(4, "0"),
  };
}

async function digest(parts) {
  const text = parts.map((part) => `${part.length}:${part}`).join("|");
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
