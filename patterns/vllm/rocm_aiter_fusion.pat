# vLLM's rocm_aiter_fusion.py, the classes that are not in rms_quant_fusion.pat and act_quant_fusion.pat.
import add_rms_norm_pad
import mla_dual_rms_norm

# AddAiterRMSNormPadPattern, any hidden size and padding
pass act_padding { add_rms_norm_pad, add_rms_norm_pad_mm, add_rms_norm_pad_alone, rms_norm_pad }

# MLADualRMSNormPattern, MLADualRMSPerTokenQuantPattern, MLADualRMSGroupQuantPattern
pass mla_dual_norm { mla_dual_rms_norm, mla_dual_rms_norm_group_quant, mla_dual_rms_norm_token_quant }
