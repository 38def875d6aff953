// The roast meter's enclosure, for OpenSCAD: body, cup, baffle, lid. Millimetres. Never printed so far.
//
//   canbean roast enclosure -o DIR            renders every part to STL; --sensor tcs34725 or tcs3200 for the others
//   openscad -D 'part="cup"' -o cup.stl roast_meter.scad
//
// The sensor looks up at the window in the floor of a loose cup. The cup stands on the body's shelf, so the distance from the
// sensor's face to what lies on the window is sensor_distance, whatever is in the cup and however much of it. A calibration
// holds for one distance: print with another one and calibrate anew.
//
// Every part is printed as it stands here, without supports: nothing leans out by more than 45 degrees.

part = "all";          // body, cup, baffle, lid; all shows them beside each other, section cuts the assembly open
sensor = "max3010x";   // max3010x, tcs34725, tcs3200

// ---- what the calibration assumes: the same numbers are in host/canbean/roast/enclosure.py ----
sensor_distance = sensor == "max3010x" ? 3.0 : sensor == "tcs34725" ? 10.0 : 12.5;
window_thickness = 1.0;  // acrylic or glass, a disc of window_diameter

// ---- the sensor's module: measure yours, they differ between sellers ----
module_size = sensor == "max3010x" ? [20.6, 15.5] : sensor == "tcs34725" ? [20.5, 20.5] : [28.5, 28.5];
module_thickness = 1.6;
sensor_height = sensor == "max3010x" ? 1.55 : sensor == "tcs34725" ? 0.7 : 1.5;  // of its face above the module
aperture = sensor == "max3010x" ? [8, 6] : sensor == "tcs34725" ? [14, 12] : [24, 24];  // what the baffle leaves open
sensor_offset = [0, 0];  // of the sensor from the middle of its module
wire_room = 6;           // under the module, for pins and wires

// ---- board and display ----
board_size = [25.6, 34.2];  // Wemos D1 mini
board_thickness = 1.0;
stack = 15.5;               // from the board's underside to the glass of an OLED shield plugged onto it
usb = [13, 8];              // hole for the cable's plug
usb_below = 1.5;            // its middle under the board
display = [15, 12];         // hole for the picture: 0.66" shield. For a 0.96" module: [24, 13]
display_from_usb = 17.1;    // middle of the picture from the board's USB end
button = 7.2;               // hole for a push button with a thread
beside = 16;                // room for it beside the board

// ---- print ----
wall = 2.0;
floor_thickness = 1.6;
ledge = 1.2;        // under the window
clearance = 0.3;    // between parts that move
cup_above = 8;      // what there is to grip
cup_in = 12;        // of the cup in the body: keeps light out
$fn = 72;

pocket = module_size + [2 * clearance, 2 * clearance];
window_diameter = max(30, ceil(norm(pocket) + 3.4));
cup_wall = 1.6;
cup_bore = window_diameter + clearance;
cup_outer = cup_bore + 2 * cup_wall;
socket = cup_outer + 2 * clearance;

// heights above the table
module_top = floor_thickness + wire_room + module_thickness;
sensor_face = module_top + sensor_height;
shelf = sensor_face + sensor_distance - ledge - window_thickness;
top = max(shelf + cup_in, floor_thickness + 3.5 + stack);
board_at = top - 0.3 - stack;

tower = socket + 2 * wall;
chamber = [3 + board_size[0] + beside, max(tower, board_size[1] + 4 + 2 * wall) - 2 * wall];
depth = chamber[1] + 2 * wall;
width = tower + chamber[0] + wall;
eye = [tower / 2, depth / 2];                                  // axis of sensor and cup
board = [tower + 3, wall + 0.5];  // corner of the board at its USB end
button_at = [board[0] + board_size[0] + beside / 2, board[1] + display_from_usb];

assert(wall >= 1.2 && floor_thickness >= 1.2 && ledge >= 1.2 && cup_wall >= 1.2, "walls under 1.2 mm break");
assert(shelf >= module_top + 1.2 + 0.2, "the sensor is too near: the baffle has no room");
assert(norm(pocket) / 2 + 1 < cup_outer / 2, "the cup has nothing to stand on");
assert(window_diameter - 2 * 1.5 > norm(aperture), "the cup's ledge covers the sensor's view");
echo(str("sensor_distance ", sensor_distance, " window_diameter ", window_diameter));

// A hole through a wall that needs no support: its roof rises by 45 degrees.
module gabled(w, h, length) {
    rotate([90, 0, 0]) linear_extrude(length, center = true)
        polygon([[-w / 2, 0], [w / 2, 0], [w / 2, h], [0, h + w / 2], [-w / 2, h]]);
}

module rounded(x, y, h, r = 3) {
    linear_extrude(h) offset(r) translate([r, r]) square([x - 2 * r, y - 2 * r]);
}

module body() {
    difference() {
        rounded(width, depth, top);
        // chamber of the board
        translate([tower, wall, floor_thickness]) cube([chamber[0], chamber[1], top]);
        // the cup's place, on the shelf
        translate([eye[0], eye[1], shelf]) cylinder(d = socket, h = top);
        // the module's, and under it the wires', with a way out to the board
        translate([eye[0] - pocket[0] / 2, eye[1] - pocket[1] / 2, floor_thickness]) cube([pocket[0], pocket[1], top]);
        translate([(eye[0] + tower) / 2 + 1, eye[1], floor_thickness]) rotate([0, 0, 90])
            gabled(8, wire_room - 4.5, tower / 2);
        // the cable
        translate([board[0] + board_size[0] / 2, wall / 2, board_at - usb_below - usb[1] / 2])
            gabled(usb[0], usb[1], 2 * wall);
    }
    // corners that the module rests on
    for (x = [-1, 1], y = [-1, 1])
        translate([eye[0] + x * (pocket[0] / 2 - 1.2) - 1.5, eye[1] + y * (pocket[1] / 2 - 1.2) - 1.5, floor_thickness - 0.1])
            cube([3, 3, wire_room + 0.1]);
    // what the board rests on, between its rows of pins and beside its USB socket; and corners that hold it
    for (x = [0, 1], y = [0, 1]) translate([board[0], board[1], 0]) {
        translate([board_size[0] / 2 + (x ? 5.2 : -9.2), y ? board_size[1] - 5 : 1, floor_thickness - 0.1])
            cube([4, 4, board_at - floor_thickness + 0.1]);
        if (y) translate([x ? board_size[0] + clearance : -clearance - 1.6, board_size[1] - 5, floor_thickness - 0.1])
            cube([1.6, 5, board_at - floor_thickness + 2]);
        if (y) translate([x ? board_size[0] - 3 : -clearance - 1.6, board_size[1] + clearance, floor_thickness - 0.1])
            cube([4.9, 1.6, board_at - floor_thickness + 2]);
    }
}

// Stands on the table with the window down; the window is dropped in from above and held by a thread of clear glue.
module cup() {
    difference() {
        cylinder(d = cup_outer, h = cup_in + cup_above);
        translate([0, 0, ledge]) cylinder(d = cup_bore, h = cup_in + cup_above);
        translate([0, 0, -1]) cylinder(d = window_diameter - 3, h = ledge + 2);
    }
}

// Lies on the module, its flat face up in use and down in print: hides all but the sensor, and holds the module down.
module baffle() {
    height = shelf - module_top - 0.2;
    difference() {
        translate([-module_size[0] / 2, -module_size[1] / 2, 0]) cube([module_size[0], module_size[1], height]);
        translate([-aperture[0] / 2 - sensor_offset[0], -aperture[1] / 2 + sensor_offset[1], -1])
            cube([aperture[0], aperture[1], height + 2]);
        // room for the module's small parts
        if (height > 1.2 + 0.4) translate([-module_size[0] / 2 + 1.6, -module_size[1] / 2 + 1.6, 1.2])
            cube([module_size[0] - 3.2, module_size[1] - 3.2, height]);
    }
}

// Printed upside down. The display's hole widens outwards.
module lid() {
    mirror([1, 0, 0]) difference() {
        union() {
            rounded(width, depth, wall);
            translate([tower + clearance, wall + clearance, 0]) difference() {
                cube([chamber[0] - 2 * clearance, chamber[1] - 2 * clearance, wall + 2.5]);
                translate([1.4, 1.4, -1]) cube([chamber[0] - 2 * clearance - 2.8, chamber[1] - 2 * clearance - 2.8, wall + 5]);
                // the cable's plug, the corners of the board
                translate([board[0] + board_size[0] / 2 - tower - clearance - usb[0] / 2 - 1, -1, wall]) cube([usb[0] + 2, 4, 5]);
            }
        }
        translate([eye[0], eye[1], -1]) cylinder(d = socket, h = 2 * wall);
        translate([board[0] + board_size[0] / 2, board[1] + display_from_usb, 0]) hull() {
            translate([-display[0] / 2, -display[1] / 2, wall]) cube([display[0], display[1], 0.1]);
            translate([-display[0] / 2 - 1, -display[1] / 2 - 1, -0.1]) cube([display[0] + 2, display[1] + 2, 0.1]);
        }
        translate([button_at[0], button_at[1], -1]) cylinder(d = button, h = 2 * wall);
    }
}

module window() {
    color("lightblue", 0.4) cylinder(d = window_diameter, h = window_thickness);
}

module assembly() {
    body();
    translate([eye[0], eye[1], shelf]) { color("dimgray") cup(); translate([0, 0, ledge]) window(); }
    translate([eye[0], eye[1], shelf - 0.2]) rotate([180, 0, 0]) color("black") baffle();
    translate([0, 0, top + wall]) rotate([0, 180, 0]) color("tan") lid();
    // stand-ins of what is bought
    color("purple") translate([eye[0] - module_size[0] / 2, eye[1] - module_size[1] / 2, module_top - module_thickness])
        cube([module_size[0], module_size[1], module_thickness]);
    color("red") translate([eye[0] - 2.8 + sensor_offset[0], eye[1] - 1.65 + sensor_offset[1], module_top]) cube([5.6, 3.3, sensor_height]);
    color("green") translate([board[0], board[1], board_at]) cube([board_size[0], board_size[1], board_thickness]);
    color("black") translate([board[0], board[1] + 2, board_at + stack - 3]) cube([board_size[0], 28, 3]);
}

if (part == "body") body();
else if (part == "cup") cup();
else if (part == "baffle") baffle();
else if (part == "lid") lid();
else if (part == "section") difference() {
    assembly();
    translate([-50, -50, -1]) cube([200, 50 + eye[1], 200]);
}
else if (part == "whole") assembly();
else {
    body();
    translate([eye[0] - 20, -cup_outer / 2 - 8, 0]) cup();
    translate([eye[0] + 30, -cup_outer / 2 - 8, 0]) baffle();
    translate([-8, 0, 0]) lid();
}
