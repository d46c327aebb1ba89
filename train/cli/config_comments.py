"""What each setting does and when to change it: the comments of `stapes train --print-config`."""

import re

COMMENTS = {
    "": {
        "seed": "Start of the random numbers. Another seed shows how much of a difference is chance.",
        "channel": 'Of recordings with several: its number from 1, or "mean". Change it if one microphone hears best.',
    },
    "frontend": {
        "sample_rate_hz": "Samples per second that the device hears. Lower costs less; f_max_hz must stay below half.",
        "n_fft": "Points of the Fourier transform, a power of two. As window_samples, or the next power of two.",
        "window_samples": "Sound per frame. Longer tells pitches apart, shorter tells quick events apart.",
        "hop_samples": "Samples from frame to frame. Smaller gives finer times and costs more computation.",
        "n_bands": "Bands that the spectrum is summed into. More for tonal sounds, fewer to save computation.",
        "band_scale": 'Spacing of the bands: "slaney" or "htk" as hearing does, "linear" for machines and vibration.',
        "f_min_hz": "Lowest frequency heard. Raise it when wind or rumble drowns everything.",
        "f_max_hz": "Highest frequency heard. Lower it when recordings come from microphones that hear less.",
        "dc_blocker": "Whether each frame's mean is subtracted. true for accelerometers and recorders with an offset.",
        "int8_zero_db": "Band power that becomes 0 as int8. Lower it for very quiet recordings (see `stapes check`).",
        "int8_step_db": "Decibels per int8 step. Larger spans more loudness, smaller is finer.",
    },
    "network": {
        "conv_channels": "Channels of each convolution. Fewer for a smaller device, more when many classes are alike.",
        "conv_kernel_frames": "Frames that each convolution sees. Larger for sounds that are known by how they change.",
        "conv_stride_frames": "Frames per output. Their product is one step: smaller separates dense events.",
        "conv_kernel_bands": "Bands that each convolution sees. Larger for sounds that are known by their spectrum.",
        "conv_stride_bands": "Bands per output. Larger costs less and tells pitches apart less well.",
        "conv_kinds": 'Kind of each convolution: "full", "separable" or "depthwise". [] makes all full.',
        "conv_weight_bits": "Bits of separable convolutions' 1x1 weights: 8, or 4 for half the flash. [] makes all 8.",
        "conv_padding": 'Edges of the bands: "valid" drops them, "same" pads them with zeros and keeps more bands.',
        "conv_activation": 'What follows each convolution: "relu", or "relu6" for a backbone that was trained with it.',
        "backbone": 'Pretrained weights: a file or "yamnet". Try it with few recordings; "" trains from nothing.',
        "backbone_layers": "Convolutions that take their weights from it. More when the sounds are everyday ones.",
        "projection_units": "Numbers that a step is reduced to before the GRU. Fewer for a smaller device.",
        "gru_units": "Memory of the network. More for classes that differ in rhythm, fewer for a smaller device.",
        "score_kernel_steps": "GRU states that a score is made of. 1 costs least; more tell sounds apart better.",
        "score_dilation_steps": "Steps between two of these states. Larger looks further back.",
        "target_delay_steps": "Steps by which the answer is late. Lower it when the device must answer at once.",
    },
    "augmentation": {
        "stitched_background_share": "Share of sequences built on event-free sound. Raise it with much of that.",
        "second_background_share": "Share of stitched sequences with two backgrounds. Raise it for busy places.",
        "second_excerpt_share": "Share of the others that sum two recordings. Raise it when events often overlap.",
        "background_speed": "Change of speed and pitch of event-free sound. Widen it when noise will differ more.",
        "background_filter_db": "Random colouring of event-free sound. Raise it when noise will differ more.",
        "empty_share": "Share of sequences without any event. Raise it when there are many false alarms.",
        "hard_negatives": "Share made of event-free sound that is taken for events. Raise it on false alarms.",
        "added_distractors_per_minute": "Event-free sounds mixed in as no event. Raise it when noises give alarms.",
        "reverberation_share": "Share heard in a random room. Raise it when it will listen in other rooms.",
        "reverberation_rt60_s": "Seconds until a room is silent. Longer for halls, shorter for small furnished rooms.",
        "direct_to_reverberant_db": "Direct sound over that of the room. Lower it when events are far away.",
        "band_gain_db": "Largest random gain of bands. Raise it when microphones sound very different.",
        "added_runs_per_minute": "Events mixed into each minute. Lower it when events never overlap anything.",
        "run_snr_db": "Loudness of mixed events over the background. Lower it when events are far away or faint.",
        "run_speed": "Change of speed and pitch. Narrow it, as to [1.0, 1.0], when pitch is what tells classes apart.",
        "point_spacing": "Multiplies times between point labels in a run: elsewhere events may come faster.",
        "run_filter_db": "Random colouring of mixed events. Raise it when rooms and distances differ more than here.",
        "source_snr_min_db": "Events fainter than this are not cut out. Lower it when too few events are left to mix.",
        "gain_db": "Random loudness of a whole sequence. Widen it when microphones or distances differ a lot.",
        "microphone_filter_db": "Random colouring of a whole sequence. Raise it when other microphones will be used.",
        "masked_bands_max": "Widest random mask over bands. Raise it when it learns the recordings by heart.",
        "masked_frames_max": "Longest random mask over frames. Lower it for very short events.",
    },
    "training": {
        "sequence_s": "Length of a training sequence. Longer for long events; it costs memory and time.",
        "batch_sequences": "Sequences per update of the weights. Lower it when memory runs out.",
        "head_steps": "With a backbone: updates of the layers behind it alone, first. Rarely needs a change.",
        "float_steps": "Updates of the weights in float. Lower it for a quick try, raise it for large datasets.",
        "quantized_steps": "Updates after that, with int8 arithmetic. With a backbone 0: they undo fine_tuned_share.",
        "head_learning_rate": "Size of an update in that phase. Lower it when the loss jumps.",
        "learning_rate": "Size of an update in float. Lower it when the loss becomes nan or jumps.",
        "fine_tuned_share": "With a backbone: how much of its fine-tuning is kept. Lower it for rooms unlike these.",
        "quantized_learning_rate": "Size of an update with int8 arithmetic. Lower it if scores fall in that phase.",
        "weight_decay": "Pull of the weights towards zero. Raise it when val is much worse than train.",
        "dropout": "Share of values that are left out at random. Raise it when val is much worse than train.",
        "average_decay": "How slowly the averaged weights follow. Lower it for very short trainings.",
        "label_smoothing": "Doubt about the labels. 0.05 or so when many labels are wrong.",
        "teacher_share": "With --teacher: weight of its scores beside the labels. Raise it when many labels are wrong.",
        "unlabelled_share": "With --unlabelled: share of sequences from there. Raise it with few labelled recordings.",
        "positive_weight": "Weight of time within events. Raise it when events are missed, lower it on false alarms.",
        "patience_steps": "A phase ends after so many updates without a better score on val. Raise it with little val.",
        "check_every_steps": "Updates between two scorings of val. Lower it to see progress more often.",
    },
    "operating_point": {
        "false_alarms_per_hour": "Most false alarms per hour of a class. 0: no limit, the best F1. Lower hears less.",
        "false_alarms_per_hour_of_class": "The same for single classes, as {siren = 0.5}.",
        "hits": "By what thresholds are chosen: 'onset' for clicks and coughs, 'overlap' for cries, alarms and hums.",
        "collar_percent": "Percent of its duration by which an onset may be off, beyond 200 ms. 20 for long events.",
        "silence_unmet": "Silence a class that cannot keep its limit; otherwise it gets what comes nearest to it.",
        "silent": "Classes that never give an event.",
        "on_logit_step": "Distance of the thresholds that are tried. Smaller is finer and slower.",
        "smoothing_steps": "Medians over scores that are tried, odd. Leave out large ones for very short events.",
        "off_ratio": "Off thresholds tried, as a share of the on threshold. Low ones hold long events together.",
        "min_duration_steps": "Shortest events that are tried. Large ones suppress short false alarms of long classes.",
        "merge_gap_steps": "Gaps that are closed, to be tried. Large ones for events that pause, such as barking.",
    },
}


def with_comments(toml: str) -> str:
    """Return the text of a settings file with a comment above every setting that has one; its values are unchanged."""
    table, lines = "", []
    for line in toml.splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            table = header[1]
        key = line.partition(" = ")[0]
        if comment := COMMENTS.get(table, {}).get(key, ""):
            lines.append(f"# {comment}")
        lines.append(line)
    return "\n".join(lines) + "\n"
