"""How metrics are named, explained and written in pages for readers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """How a metric is shown."""

    title: str
    unit: str
    better: str
    meaning: str

    @property
    def heading(self) -> str:
        """Name, unit and which way is better."""
        return f"{self.name_with_unit} {self.better}"

    @property
    def name_with_unit(self) -> str:
        """Name and unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


METRICS = {
    "dnsmos_ovrl": Metric("DNSMOS overall", "1 to 5", "↑", "opinion predicted from the signal (P.835, overall)"),
    "dnsmos_sig": Metric("DNSMOS signal", "1 to 5", "↑", "the same for the speech alone"),
    "dnsmos_bak": Metric("DNSMOS background", "1 to 5", "↑", "the same for noise around it"),
    "dnsmos_p808": Metric("DNSMOS P.808", "1 to 5", "↑", "opinion predicted from the signal (P.808)"),
    "wv_mos": Metric("WV-MOS", "1 to 5", "↑", "opinion predicted by wav2vec 2.0"),
    "wer": Metric("WER", "share", "↓", "words that a recogniser mishears; ground truth is what it reaches at best"),
    "cer": Metric("CER", "share", "↓", "the same for characters"),
    "speaker_similarity": Metric(
        "Speaker similarity", "cosine", "↑", "of speaker vectors, with other recordings of the speaker"
    ),
    "speaker_similarity_other": Metric(
        "Similarity to another", "cosine", "↓", "the same with the most similar of the other speakers"
    ),
    "speaker_accuracy": Metric(
        "Speaker accuracy", "share", "↑", "clips that are more similar to their speaker than to any other"
    ),
    "pesq": Metric("PESQ", "1 to 4.6", "↑", "wideband, of clips in step with the recording"),
    "stoi": Metric("STOI", "at most 1", "↑", "intelligibility of clips in step with the recording"),
    "estoi": Metric("ESTOI", "at most 1", "↑", "the same, extended to noise that comes and goes"),
    "mcd_db": Metric("MCD", "dB", "↓", "mel-cepstral distortion, 13 cepstra of the log-mel, along a DTW path"),
    "mel_l1": Metric("Mel L1", "nepers", "↓", "mean difference of log-mels along the path"),
    "mr_stft": Metric("MR-STFT", "", "↓", "multi-resolution STFT distance of clips in step with the recording"),
    "log_f0_rmse": Metric("log-F0 RMSE", "nepers", "↓", "melody where both are voiced; 0.058 is a semitone"),
    "log_f0_correlation": Metric("log-F0 correlation", "-1 to 1", "↑", "whether the melodies move alike"),
    "vuv_error": Metric("V/UV error", "share", "↓", "frames voiced in one and unvoiced in the other"),
    "energy_mae_db": Metric("Energy MAE", "dB", "↓", "mean difference in level along the path"),
    "duration_mae_ms": Metric("Duration MAE", "ms", "↓", "predicted phones against the aligned recording"),
    "real_time_factor": Metric(
        "Real-time factor", "", "↓", "seconds of work for a second of speech, one clip at a time"
    ),
}
"""By name, in the order of the report."""


def number(value: float) -> str:
    """Three significant digits, without exponents."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}" if abs(value) >= 0.001 else f"{value:.3f}"
